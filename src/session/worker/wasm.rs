//! The worker as tasks of the page: nothing may wait there, so a job gives way wherever it reads
//! from the device, and between layers once it has had its share of the frame.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use compute::GiveWay;
use web_time::Instant;

use super::{Bench, Done, Order, work};

#[derive(Default)]
struct Desk {
    orders: VecDeque<Order>,
    done: VecDeque<Done>,
    /// Away while a job runs.
    bench: Option<Bench>,
    /// When the job went on in this frame.
    since: Option<Instant>,
    /// The job, while the page has its turn.
    resting: Option<Waker>,
}

/// What a job takes of a frame: the page stays usable, and a pass under SwiftShader, whose frames
/// take 100 ms and more, still ends soon.
const SHARE: Duration = Duration::from_millis(24);

/// Rests until the next frame when this frame's share is spent.
pub(super) const GIVE_WAY: Option<GiveWay> = Some(|| Box::pin(rest()));

async fn rest() {
    let desk = DESK.with(Rc::clone);
    if desk.borrow().since.is_some_and(|s| s.elapsed() < SHARE) {
        return;
    }
    let mut rested = false;
    poll_fn(|context| {
        if std::mem::replace(&mut rested, true) {
            return Poll::Ready(());
        }
        desk.borrow_mut().resting = Some(context.waker().clone());
        Poll::Pending
    })
    .await;
    desk.borrow_mut().since = Some(Instant::now());
}

thread_local! {
    // The page has one thread and one session; a handle in the session would make it unshareable.
    static DESK: Rc<RefCell<Desk>> = Rc::new(RefCell::new(Desk {
        bench: Some(Bench::default()),
        ..Desk::default()
    }));
}

/// Orders to the page's tasks, and what is done.
pub(super) struct Queue;

impl Queue {
    pub(super) fn new() -> Self {
        Queue
    }

    pub(super) fn send(&mut self, order: Order) {
        DESK.with(|desk| desk.borrow_mut().orders.push_back(order));
    }

    /// What is done; goes on with the job, or begins the next one.
    pub(super) fn poll(&mut self) -> Option<Done> {
        let desk = DESK.with(Rc::clone);
        let resting = desk.borrow_mut().resting.take();
        if let Some(job) = resting {
            job.wake();
        }
        let next = {
            let mut at = desk.borrow_mut();
            match at.bench.take() {
                Some(bench) => match at.orders.pop_front() {
                    Some(order) => Some((bench, order)),
                    None => {
                        at.bench = Some(bench);
                        None
                    }
                },
                None => None,
            }
        };
        if let Some((mut bench, order)) = next {
            let desk = desk.clone();
            wasm_bindgen_futures::spawn_local(async move {
                let done = work(&mut bench, order).await;
                let mut at = desk.borrow_mut();
                at.done.push_back(done);
                at.bench = Some(bench);
            });
        }
        let done = desk.borrow_mut().done.pop_front();
        done
    }

    pub(super) fn wait(&mut self) -> Option<Done> {
        None
    }
}
