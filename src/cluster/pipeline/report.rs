//! The result of a whole batch: a typed one, or which command failed and what became of the others.

use std::fmt::Write;

use crate::command::Batch;
use crate::error::{Delivery, Error, ErrorKind};
use crate::value::{FromValue, Value};

/// Converts the results of a batch's commands.
///
/// Error replies are for the type to take or not, as they are inside any other array.
pub(super) fn convert<T: FromValue>(
    batch: &Batch,
    results: Vec<Result<Value, Error>>,
) -> Result<T, Error> {
    let mut report = Report {
        batch,
        failures: Vec::new(),
    };
    let mut values = Vec::with_capacity(results.len());
    let mut is_answered = true;
    for (index, result) in results.into_iter().enumerate() {
        values.push(result.unwrap_or_else(|error| {
            let reply = error.server_error().cloned();
            is_answered &= reply.is_some();
            report.failures.push((index, error));
            reply.map_or(Value::Nil, Value::Error)
        }));
    }
    if !is_answered {
        return Err(report.first());
    }
    T::from_value(Value::Array(values)).map_err(|error| match error.element() {
        Some(index) => report.at(index).unwrap_or_else(|| {
            let name = batch.commands()[index].name();
            let place = report.place(index);
            Error::from(error).with_command(name).with_note(place)
        }),
        None if error.server_error().is_some() => report.first(),
        None => Error::from(error).with_note(report.shape()),
    })
}

/// What failed.
struct Report<'a> {
    batch: &'a Batch,
    /// Each with its index, in order.
    failures: Vec<(usize, Error)>,
}

impl Report<'_> {
    fn first(&self) -> Error {
        let first = self.failures.first();
        first
            .and_then(|(index, _)| self.at(*index))
            .unwrap_or_else(|| {
                Error::not_sent(ErrorKind::Protocol, "an error reply where there was none")
                    .with_delivery(Delivery::Unknown)
            })
    }

    /// The error of the command with this index, if it failed, as one of the whole.
    fn at(&self, index: usize) -> Option<Error> {
        let (_, error) = self.failures.iter().find(|(each, _)| *each == index)?;
        let mut note = self.place(index);
        if !error.is_server() {
            let _ = write!(note, ", {}", error.delivery());
        }
        self.write_others(index, &mut note);
        let whole = error.clone().with_delivery(self.delivery());
        Some(whole.with_note(note).with_source(error.clone()))
    }

    fn place(&self, index: usize) -> String {
        format!(
            "at index {index} of a {} of {}",
            self.what(),
            self.batch.commands().len()
        )
    }

    /// What the type asked for has to take.
    fn shape(&self) -> String {
        format!("one element for each command of the {}", self.what())
    }

    fn what(&self) -> &'static str {
        if self.batch.is_transaction() {
            "transaction"
        } else {
            "pipeline"
        }
    }

    fn write_others(&self, index: usize, note: &mut String) {
        let succeeded = self.batch.commands().len() - self.failures.len();
        let failed = |how: Delivery| {
            let others = self.failures.iter().filter(|(each, _)| *each != index);
            others.filter(|(_, error)| error.delivery() == how).count()
        };
        let mut separator = "; of the others ";
        for (count, became) in [
            (succeeded, "succeeded"),
            (failed(Delivery::NotSent), "not sent"),
            (failed(Delivery::NotApplied), "not applied"),
            (failed(Delivery::Unknown), "perhaps applied"),
        ] {
            if count > 0 {
                let _ = write!(note, "{separator}{count} {became}");
                separator = ", ";
            }
        }
    }

    /// How far the whole got: it may be sent again only if no command of it was applied.
    fn delivery(&self) -> Delivery {
        if self.failures.len() < self.batch.commands().len() {
            return Delivery::Unknown;
        }
        let failures = self.failures.iter().map(|(_, error)| error.delivery());
        failures.fold(Delivery::NotSent, Delivery::at_most)
    }
}
