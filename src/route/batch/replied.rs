//! What the replies to a unit mean: settled parts, and parts to be sent elsewhere.

use std::collections::HashMap;
use std::sync::Arc;

use super::BatchRun;
use super::groups::{Groups, Member};
use super::job::{Exchanged, Failure};
use crate::addr::NodeAddr;
use crate::command::Slot;
use crate::error::Error;
use crate::route::make::MakeNode;
use crate::route::replies::{MOVED_TO_ITSELF, is_sign_of_change, too_many_redirects};
use crate::topology::{Redirect, RedirectKind};
use crate::value::{ServerError, Value};

impl<C: MakeNode> BatchRun<C> {
    /// Takes the replies of one unit: what they settle, and what they send elsewhere.
    pub(super) fn answered(&mut self, exchanged: Exchanged) {
        let Exchanged {
            addr,
            results,
            failure,
        } = exchanged;
        if let Some(failure) = failure {
            let Failure {
                error,
                deadline,
                was_connecting,
            } = failure;
            self.handle.failed(&addr, &error, deadline, was_connecting);
        }
        let mut redirected = Vec::new();
        let mut is_changing = false;
        for (part, result) in results {
            match result {
                Ok(Value::Error(mut error)) => match self.redirect(part, &error, &addr) {
                    Some(Ok(redirect)) => redirected.push((part, redirect)),
                    Some(Err(error)) => {
                        is_changing = true;
                        self.fail(part, error, &addr);
                    }
                    None => {
                        is_changing |= is_sign_of_change(&error);
                        error.set_origin(&addr, self.parts[part].slot);
                        self.parts[part].settle(Value::Error(error));
                    }
                },
                Ok(reply) => self.parts[part].settle(reply),
                Err(error) => self.fail(part, error, &addr),
            }
        }
        if !redirected.is_empty() {
            is_changing |= self.follow(redirected, &addr);
        }
        if is_changing {
            self.handle.trigger();
        }
    }

    /// The redirect that an error reply is.
    fn redirect(
        &self,
        part: usize,
        error: &ServerError,
        from: &NodeAddr,
    ) -> Option<Result<Redirect, Error>> {
        if self.parts[part].is_pinned() {
            return None;
        }
        let map = &self.handle.shared().config().addr_map;
        Redirect::read(error, &map.answered_by(from))
    }

    /// Sends redirected parts to the nodes named, and says whether the rest of the map may be stale.
    fn follow(&mut self, redirected: Vec<(usize, Redirect)>, from: &NodeAddr) -> bool {
        let shared = Arc::clone(self.handle.shared());
        let max_redirects = shared.config().max_redirects;
        let mut is_beyond = false;
        let mut news = Vec::new();
        let mut last: HashMap<Slot, Redirect> = HashMap::new();
        let mut followed = Vec::with_capacity(redirected.len());
        for (part, redirect) in redirected {
            let redirects = self.parts[part].redirects;
            if redirects == max_redirects {
                is_beyond = true;
                self.fail(part, too_many_redirects(redirects, &redirect, from), from);
                continue;
            }
            self.parts[part].redirected(redirect.slot());
            shared.count(&redirect);
            // Many parts of one slot bring the same news.
            if last.get(&redirect.slot()) != Some(&redirect) {
                news.push(redirect.clone());
                last.insert(redirect.slot(), redirect.clone());
            }
            followed.push((part, redirect));
        }
        let is_stale = shared.take_note(&news, from);

        let mut groups = Groups::default();
        let mut to_itself = Vec::new();
        for (part, redirect) in followed {
            let last = &last[&redirect.slot()];
            let redirect = match redirect.addr() == last.addr() {
                true => &redirect,
                false => last,
            };
            let is_asking = redirect.kind() == RedirectKind::Ask;
            if !is_asking && redirect.addr() == from {
                to_itself.push(part);
            } else {
                // `ASK` is for this node, whatever the map says.
                let slot = self.parts[part].slot.filter(|_| !is_asking);
                let member = Member {
                    part,
                    is_asking,
                    slot,
                };
                groups.add(redirect.addr(), member);
            }
        }
        self.send(groups);
        if !to_itself.is_empty() {
            // As for one command: whoever answered there is not who the cluster means.
            shared.current().renew(from);
            let refreshed = self.handle.refresh();
            self.wait(to_itself, refreshed, MOVED_TO_ITSELF.into());
        }
        is_stale || is_beyond
    }
}
