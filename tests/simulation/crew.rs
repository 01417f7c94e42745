//! Futures that go on together, in an order that does not depend on who was woken first.
//!
//! Some of what requests wait for wakes those who wait in a random order, such as tokio's `watch` with many receivers.
//! As tasks of their own they would go on in that order, and no run would be like another. Here all that are woken at
//! the same time go on in the order of their places.

use std::collections::BTreeSet;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

type Member<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// Completes when all its members have.
pub struct Crew<'a> {
    members: Vec<Option<Member<'a>>>,
    wakers: Vec<Waker>,
    woken: Arc<Mutex<Woken>>,
}

#[derive(Default)]
struct Woken {
    places: BTreeSet<usize>,
    crew: Option<Waker>,
}

struct Caller {
    place: usize,
    woken: Arc<Mutex<Woken>>,
}

impl Wake for Caller {
    fn wake(self: Arc<Self>) {
        let mut woken = self.woken.lock().expect("nobody panics in here");
        woken.places.insert(self.place);
        let crew = woken.crew.take();
        drop(woken);
        crew.into_iter().for_each(Waker::wake);
    }
}

impl<'a> Crew<'a> {
    pub fn new(members: Vec<Member<'a>>) -> Self {
        let woken = Arc::new(Mutex::new(Woken {
            places: (0..members.len()).collect(),
            crew: None,
        }));
        let waker = |place| {
            let woken = Arc::clone(&woken);
            Waker::from(Arc::new(Caller { place, woken }))
        };
        Self {
            wakers: (0..members.len()).map(waker).collect(),
            members: members.into_iter().map(Some).collect(),
            woken,
        }
    }
}

impl Future for Crew<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let places = {
            let mut woken = this.woken.lock().expect("nobody panics in here");
            woken.crew = Some(cx.waker().clone());
            mem::take(&mut woken.places)
        };
        // Once through, and no further: who is woken meanwhile wakes the crew. A member that has used up what one
        // poll may do would otherwise be polled without end.
        for place in places {
            let Some(member) = &mut this.members[place] else {
                continue;
            };
            let mut cx = Context::from_waker(&this.wakers[place]);
            if member.as_mut().poll(&mut cx).is_ready() {
                this.members[place] = None;
            }
        }
        match this.members.iter().all(Option::is_none) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }
}
