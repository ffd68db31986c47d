//! The data owner's side of a program in one process: samples into ciphertexts, ciphertexts into results.

use he_traits::client::CryptoRng;
use he_traits::{Decryptor, Encryptor};

use crate::error::Result;
use crate::program::Program;
use crate::tensor::Tensor;

impl Program {
    /// Encrypts samples as [`Prepared::run`](crate::Prepared::run) takes them.
    ///
    /// # Shapes
    /// `samples` is `[N, ..]` with the network's input shape; the result holds for each sample its blocks.
    ///
    /// # Errors
    /// As [`Program::pack`], and those of the encryptor.
    pub fn encrypt<E: Encryptor>(
        &self,
        encryptor: &E,
        samples: &Tensor,
        rng: &mut dyn CryptoRng,
    ) -> Result<Vec<Vec<E::Ciphertext>>> {
        let mut encrypted = Vec::with_capacity(samples.batch());
        for sample in 0..samples.batch() {
            let blocks = self.pack(&samples.rows(sample, sample + 1))?;
            let blocks = blocks.iter().map(|block| encryptor.encrypt(block, self.input_level(), rng));
            encrypted.push(blocks.collect::<he_traits::Result<Vec<_>>>()?);
        }
        Ok(encrypted)
    }

    /// Decrypts what [`Prepared::run`](crate::Prepared::run) gave.
    ///
    /// # Shapes
    /// The result is `[N, ..]` with the network's output shape.
    ///
    /// # Errors
    /// As [`Program::unpack`], and those of the decryptor.
    pub fn decrypt<D: Decryptor>(&self, decryptor: &D, results: &[Vec<D::Ciphertext>]) -> Result<Tensor> {
        let mut values = Vec::new();
        for blocks in results {
            let blocks = blocks.iter().map(|block| decryptor.decrypt(block));
            values.extend(self.unpack(&blocks.collect::<he_traits::Result<Vec<_>>>()?)?.into_data());
        }
        let shape = self.network().output_shape();
        let shape: Vec<usize> = std::iter::once(results.len()).chain(shape.iter().copied()).collect();
        Tensor::new(&shape, values)
    }
}
