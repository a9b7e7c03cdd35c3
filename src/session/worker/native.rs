//! The worker's thread.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};

use compute::{Device, Engine, GiveWay};

use super::{Bench, Done, Job, Order, Reply, work};

/// The thread is the worker's alone.
pub(super) const GIVE_WAY: Option<GiveWay> = None;

/// Orders to the thread, and what is done.
pub(super) struct Queue {
    orders: Sender<Order>,
    // The mutex only makes the session shareable; nobody waits for it.
    done: Mutex<Receiver<Done>>,
}

impl Queue {
    pub(super) fn new() -> Self {
        let (orders, queue) = channel::<Order>();
        let (send, done) = channel();
        std::thread::spawn(move || {
            compute::take_part();
            let mut bench = Bench::default();
            for order in queue {
                if send.send(guarded(&mut bench, order)).is_err() {
                    return;
                }
            }
        });
        Queue {
            orders,
            done: Mutex::new(done),
        }
    }

    pub(super) fn send(&mut self, order: Order) {
        // The thread ends only with this struct.
        let _ = self.orders.send(order);
    }

    pub(super) fn poll(&mut self) -> Option<Done> {
        self.done.get_mut().ok()?.try_recv().ok()
    }

    pub(super) fn wait(&mut self) -> Option<Done> {
        self.done.get_mut().ok()?.recv().ok()
    }
}

/// A lost device ends in a panic within the backend, which must not end the worker: the job is
/// done again on the processor.
fn guarded(bench: &mut Bench, order: Order) -> Done {
    let again = order.clone();
    let learns = matches!(order.job, Job::Learn(_));
    let broke = "the backend stopped unexpectedly".to_string();
    let maps = matches!(order.job, Job::Map(_));
    let unanswered = match &order.job {
        Job::Ask(question) => question.failed(&broke),
        _ => None,
    };
    let ticket = order.ticket;
    let waited = |bench: &mut Bench, order: Order| {
        catch_unwind(AssertUnwindSafe(|| compute::wait(work(bench, order))))
            .ok()
            .flatten()
    };
    if let Some(done) = waited(bench, order) {
        return done;
    }
    let gpu = matches!(bench.engine.device(), Device::Gpu(_));
    *bench = Bench {
        engine: Engine::new(Device::Cpu),
        ..Bench::default()
    };
    let second = if gpu { waited(bench, again) } else { None };
    match second {
        Some(done) => Done {
            fallback: Some(broke),
            ..done
        },
        None => Done {
            ticket,
            reply: match unanswered {
                Some(told) => Reply::Answered(told.into()),
                None if learns => Reply::NotLearned(broke),
                None if maps => Reply::NotMapped(broke),
                None => Reply::Failed(broke),
            },
            fallback: None,
        },
    }
}
