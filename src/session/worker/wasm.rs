//! The worker as tasks of the page: nothing may wait there, so a job gives way wherever it reads
//! from the device.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use compute::Engine;

use super::{Done, Order, work};

#[derive(Default)]
struct Desk {
    orders: VecDeque<Order>,
    done: VecDeque<Done>,
    /// Away while a job runs.
    engine: Option<Engine>,
}

thread_local! {
    // The page has one thread and one session; a handle in the session would make it unshareable.
    static DESK: Rc<RefCell<Desk>> = Rc::new(RefCell::new(Desk {
        engine: Some(Engine::default()),
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

    /// What is done; begins the next job.
    pub(super) fn poll(&mut self) -> Option<Done> {
        let desk = DESK.with(Rc::clone);
        let next = {
            let mut at = desk.borrow_mut();
            match at.engine.take() {
                Some(engine) => match at.orders.pop_front() {
                    Some(order) => Some((engine, order)),
                    None => {
                        at.engine = Some(engine);
                        None
                    }
                },
                None => None,
            }
        };
        if let Some((mut engine, order)) = next {
            let desk = desk.clone();
            wasm_bindgen_futures::spawn_local(async move {
                let done = work(&mut engine, order).await;
                let mut at = desk.borrow_mut();
                at.done.push_back(done);
                at.engine = Some(engine);
            });
        }
        let done = desk.borrow_mut().done.pop_front();
        done
    }

    pub(super) fn wait(&mut self) -> Option<Done> {
        None
    }
}
