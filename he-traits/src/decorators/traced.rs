//! A log of operations with their times.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::hooked::{Call, Hook, Hooked, Operation};
use crate::{Level, Result};

/// An evaluator that logs each operation; `hook().log()` tells.
pub type Traced<E> = Hooked<E, Tracer>;

/// One operation in the log.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trace {
    /// Which operation.
    pub operation: Operation,
    /// Level of its operands.
    pub level: Level,
    /// Pairs, terms, steps, values or ciphertexts that it was given.
    pub count: usize,
    /// Wall-clock seconds.
    pub seconds: f64,
}

/// Logs the operations that pass, in the order in which they end.
#[derive(Debug, Default)]
pub struct Tracer {
    log: Mutex<Vec<Trace>>,
}

impl Tracer {
    /// The log until now.
    pub fn log(&self) -> Vec<Trace> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Calls and seconds of each kind of operation.
    pub fn totals(&self) -> BTreeMap<Operation, (u64, f64)> {
        let mut totals = BTreeMap::new();
        for trace in &*self.log.lock().unwrap_or_else(PoisonError::into_inner) {
            let (calls, seconds) = totals.entry(trace.operation).or_insert((0, 0.0));
            *calls += 1;
            *seconds += trace.seconds;
        }
        totals
    }
}

impl<C> Hook<C> for Tracer {
    fn after(&self, call: &Call, _: &[&C], elapsed: Duration) -> Result<()> {
        let Call { operation, level, count, .. } = *call;
        let trace = Trace { operation, level, count, seconds: elapsed.as_secs_f64() };
        self.log.lock().unwrap_or_else(PoisonError::into_inner).push(trace);
        Ok(())
    }
}
