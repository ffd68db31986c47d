//! Evaluators round other evaluators: counting, timing, running two in lockstep, checking precision, refreshing by a round
//! trip to the data owner.
//!
//! Every forwarder is written so that the compiler's lint refuses a missing method: what a backend does better than the
//! provided methods is never lost behind a decorator, and capabilities pass through.

#[cfg(feature = "client")]
mod checked;
mod counted;
mod hooked;
mod pair;
mod round_trip;
mod traced;

#[cfg(feature = "client")]
pub use checked::{Checked, Checker, Precision};
pub use counted::{Counted, Counter};
pub use hooked::{Call, Hook, Hooked, HookedMap, Operation};
pub use pair::Pair;
pub use round_trip::{RoundTrip, RoundTrips};
pub use traced::{Trace, Traced, Tracer};
