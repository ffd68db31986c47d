//! The data sets that can be fetched, with the SHA-256 of what they must hold.

/// A data set with public homes.
pub(crate) struct DataSet {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// Base addresses, tried in order.
    pub(crate) homes: &'static [&'static str],
    pub(crate) files: &'static [DataFile],
}

impl DataSet {
    /// Size of the download in bytes.
    pub(crate) fn download_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

/// One gzipped file. The checksum is that of the contents: mirrors may have compressed them anew.
pub(crate) struct DataFile {
    pub(crate) name: &'static str,
    /// Size of the official gzip file, for the progress bar.
    pub(crate) bytes: u64,
    /// Size of the contents.
    pub(crate) contents: u64,
    /// SHA-256 of the contents.
    pub(crate) sha256: &'static str,
}

/// All of them.
pub(crate) const SETS: [DataSet; 1] = [DataSet {
    name: "mnist",
    about: "70,000 handwritten digits, 28 x 28 (LeCun, Cortes, Burges)",
    homes: &[
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ],
    files: &[
        DataFile {
            name: "train-images-idx3-ubyte.gz",
            bytes: 9_912_422,
            contents: 47_040_016,
            sha256: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        },
        DataFile {
            name: "train-labels-idx1-ubyte.gz",
            bytes: 28_881,
            contents: 60_008,
            sha256: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        },
        DataFile {
            name: "t10k-images-idx3-ubyte.gz",
            bytes: 1_648_877,
            contents: 7_840_016,
            sha256: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        },
        DataFile {
            name: "t10k-labels-idx1-ubyte.gz",
            bytes: 4_542,
            contents: 10_008,
            sha256: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        },
    ],
}];
