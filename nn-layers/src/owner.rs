//! The data owner's side of a program in one process: samples into ciphertexts, ciphertexts into results.

use he_traits::client::CryptoRng;
use he_traits::{Decryptor, Encryptor};

use crate::error::{Error, Result};
use crate::program::Program;
use crate::tensor::Tensor;

impl Program {
    /// Encrypts samples as [`Prepared::run`](crate::Prepared::run) takes them.
    ///
    /// # Shapes
    /// `samples` is `[N, ..]` with the network's input shape; the result holds for each [group](Program::groups) of them its blocks, a group a sample
    /// where they share no ciphertexts.
    ///
    /// # Errors
    /// As [`Program::pack`], and those of the encryptor.
    pub fn encrypt<E: Encryptor>(
        &self,
        encryptor: &E,
        samples: &Tensor,
        rng: &mut dyn CryptoRng,
    ) -> Result<Vec<Vec<E::Ciphertext>>> {
        let mut encrypted = Vec::new();
        for group in self.groups(samples.batch()) {
            let blocks = self.pack(&samples.rows(group.start, group.end))?;
            let blocks = blocks.iter().map(|block| encryptor.encrypt(block, self.input_level(), rng));
            encrypted.push(blocks.collect::<he_traits::Result<Vec<_>>>()?);
        }
        Ok(encrypted)
    }

    /// Decrypts what [`Prepared::run`](crate::Prepared::run) gave for so many samples.
    ///
    /// # Shapes
    /// The result is `[samples, ..]` with the network's output shape.
    ///
    /// # Errors
    /// [`Error::Groups`] when there are not as many results as groups of samples; as [`Program::unpack`], and those of the decryptor.
    pub fn decrypt<D: Decryptor>(
        &self,
        decryptor: &D,
        results: &[Vec<D::Ciphertext>],
        samples: usize,
    ) -> Result<Tensor> {
        let groups = self.groups(samples).count();
        if groups != results.len() {
            return Err(Error::Groups { samples, expected: groups, got: results.len() });
        }
        let mut values = Vec::new();
        for (group, blocks) in self.groups(samples).zip(results) {
            let blocks = blocks.iter().map(|block| decryptor.decrypt(block));
            let blocks = blocks.collect::<he_traits::Result<Vec<_>>>()?;
            values.extend(self.unpack(&blocks, group.len())?.into_data());
        }
        let shape = self.network().output_shape();
        let shape: Vec<usize> = std::iter::once(samples).chain(shape.iter().copied()).collect();
        Tensor::new(&shape, values)
    }
}
