//! Native RNS-CKKS for henna.
