//! Takes records from any training process over HTTP and WebSocket.
//!
//! In: requests on a port of this machine. Out: records on disk, through `runs`, before they are
//! acknowledged. It knows no screen.
