//! MORE in the compact form, as a scheme of its own: so that programs can run it beside the full one.

use he_traits::{Profile, Requirements, Result, Scheme};

use super::{EvaluationKeys, More};
use crate::{Ciphertext, FunctionMethod, MoreEvaluator, Parameters};

/// MORE whose server computes with a I + b T ([`FunctionMethod::Compact`]): half the numbers, and the message one addition away.
///
/// Keys, ciphertexts and their bytes are those of [`More`].
#[derive(Clone, Copy, Debug)]
pub enum CompactMore {}

impl Scheme for CompactMore {
    const NAME: &'static str = "more-compact";
    type Params = Parameters;
    type Ciphertext = Ciphertext;
    type EvaluationKeys = EvaluationKeys;
    type Evaluator = MoreEvaluator;

    fn parameters(requirements: &Requirements) -> Result<Parameters> {
        Ok(More::parameters(requirements)?.with_method(FunctionMethod::Compact))
    }

    fn profile(parameters: &Parameters) -> Result<Profile> {
        More::profile(parameters)
    }

    fn evaluator(parameters: &Parameters, keys: EvaluationKeys) -> Result<MoreEvaluator> {
        More::evaluator(parameters, keys)
    }
}

#[cfg(feature = "client")]
mod client {
    use he_traits::client::{ClientScheme, Keys, NoEncryptor};
    use he_traits::{Absent, KeyNeeds, Result};
    use rand::CryptoRng;
    use zeroize::Zeroizing;

    use super::CompactMore;
    use crate::{Ciphertext, More, MoreDecryptor, MoreEncryptor, Parameters, SecretKey};

    impl ClientScheme for CompactMore {
        type SecretKey = SecretKey;
        type PublicKey = Absent;
        type Encryptor = MoreEncryptor;
        type PublicEncryptor = NoEncryptor<Ciphertext>;
        type Decryptor = MoreDecryptor;

        fn keygen(parameters: &Parameters, needs: &KeyNeeds, rng: &mut dyn CryptoRng) -> Result<Keys<Self>> {
            let Keys { secret, evaluation } = More::keygen(parameters, needs, rng)?;
            Ok(Keys { secret, evaluation })
        }

        fn public_key(
            parameters: &Parameters,
            secret: &SecretKey,
            rng: &mut dyn CryptoRng,
        ) -> Result<Option<Absent>> {
            More::public_key(parameters, secret, rng)
        }

        fn encryptor(parameters: &Parameters, secret: &SecretKey) -> Result<MoreEncryptor> {
            More::encryptor(parameters, secret)
        }

        fn public_encryptor(parameters: &Parameters, key: &Absent) -> Result<NoEncryptor<Ciphertext>> {
            More::public_encryptor(parameters, key)
        }

        fn decryptor(parameters: &Parameters, secret: &SecretKey) -> Result<MoreDecryptor> {
            More::decryptor(parameters, secret)
        }

        fn secret_to_bytes(parameters: &Parameters, secret: &SecretKey) -> Result<Zeroizing<Vec<u8>>> {
            More::secret_to_bytes(parameters, secret)
        }

        fn secret_from_bytes(parameters: &Parameters, bytes: &[u8]) -> Result<SecretKey> {
            More::secret_from_bytes(parameters, bytes)
        }
    }
}
