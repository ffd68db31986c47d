//! Microsoft SEAL's CKKS for henna, through sealy.
