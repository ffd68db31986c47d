//! Downloads: checked before they take their place, gone without a trace when they fail.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::Duration;

use flate2::read::GzDecoder;
use sha2::{Digest, Sha256};

use super::sets::DataFile;
use crate::failure::Failure;

/// Bytes that gzip may add to contents that do not shrink.
const GZIP_OVERHEAD: u64 = 1024;

/// Whether `path` holds what `file` must hold.
pub(crate) fn is_whole(path: &Path, file: &DataFile) -> bool {
    File::open(path).is_ok_and(|opened| check(opened, file).is_ok())
}

/// Downloads `file` from the first of `homes` that has it, checks it, and puts it at `path`.
pub(crate) fn download(
    file: &DataFile,
    homes: &[&str],
    path: &Path,
    progress: &dyn Fn(u64),
) -> Result<(), Failure> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let unwritable =
        |error: io::Error| Failure::failed(format!("cannot write into {}: {error}", folder.display()));
    std::fs::create_dir_all(folder).map_err(unwritable)?;
    let mut refusals = Vec::new();
    for home in homes {
        let address = format!("{}/{}", home.trim_end_matches('/'), file.name);
        // Deleted when dropped, so that neither an error nor Ctrl-C leaves a part of a file.
        let mut part = tempfile::Builder::new().suffix(".part").tempfile_in(folder).map_err(unwritable)?;
        crate::interrupt::remove_on_interrupt(part.path());
        let fetched = transfer(&address, file, part.as_file_mut(), progress)
            .and_then(|()| File::open(part.path()).map_err(|error| error.to_string()))
            .and_then(|opened| check(opened, file));
        match fetched {
            Ok(()) => {
                part.as_file().sync_all().map_err(unwritable)?;
                return part.persist(path).map(drop).map_err(|error| unwritable(error.error));
            }
            Err(reason) => refusals.push(format!("{address}: {reason}")),
        }
    }
    Err(Failure::failed(format!(
        "cannot fetch {}: {}; check the network and run the same command again, or put the files into {} yourself",
        file.name,
        refusals.join("; "),
        folder.display()
    )))
}

fn transfer(address: &str, file: &DataFile, to: &mut File, progress: &dyn Fn(u64)) -> Result<(), String> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_connect(Some(Duration::from_secs(20)))
        .timeout_recv_response(Some(Duration::from_secs(30)))
        .build()
        .into();
    let mut response = agent.get(address).call().map_err(|error| error.to_string())?;
    let announced = response.body().content_length();
    // Compressed files are smaller than their contents, but for a head and a tail: whatever sends more is not the file.
    let mut body = response.body_mut().as_reader().take(file.contents + GZIP_OVERHEAD);
    let (mut buffer, mut done) = (vec![0; 1 << 16], 0u64);
    loop {
        let count =
            body.read(&mut buffer).map_err(|error| format!("broken off after {done} bytes ({error})"))?;
        let Some(read) = buffer.get(..count).filter(|read| !read.is_empty()) else { break };
        to.write_all(read).map_err(|error| error.to_string())?;
        done += count as u64;
        progress(done);
    }
    match announced {
        Some(length) if length != done => Err(format!("{done} bytes came, {length} were announced")),
        _ => Ok(()),
    }
}

/// Holds a gzip file against size and checksum of its contents.
fn check(gzip: impl Read, file: &DataFile) -> Result<(), String> {
    let mut contents = GzDecoder::new(gzip).take(file.contents + 1);
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    let mut size = 0;
    loop {
        let count =
            contents.read(&mut buffer).map_err(|error| format!("it is no whole gzip file ({error})"))?;
        let Some(read) = buffer.get(..count).filter(|read| !read.is_empty()) else { break };
        hash.update(read);
        size += count as u64;
    }
    if size != file.contents {
        return Err(format!("it holds {size} bytes or more, {} expected", file.contents));
    }
    let found: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    if found == file.sha256 {
        Ok(())
    } else {
        Err(format!("its contents have SHA-256 {found}, {} expected: it was altered", file.sha256))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    /// SHA-256 of `hello henna\n`.
    const HELLO: &str = "hello henna\n";

    fn file() -> DataFile {
        let sha: String = Sha256::digest(HELLO).iter().map(|byte| format!("{byte:02x}")).collect();
        DataFile { name: "hello.gz", bytes: 32, contents: HELLO.len() as u64, sha256: sha.leak() }
    }

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    /// A server that answers each of `answers` once: a length to announce and the bytes to send.
    fn server(answers: Vec<(usize, Vec<u8>)>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let home = format!("http://{}/", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for (announced, bytes) in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).unwrap();
                let head =
                    format!("HTTP/1.1 200 OK\r\nContent-Length: {announced}\r\nConnection: close\r\n\r\n");
                stream.write_all(head.as_bytes()).unwrap();
                stream.write_all(&bytes).unwrap();
            }
        });
        home
    }

    fn outcome(answers: Vec<(usize, Vec<u8>)>) -> (Result<(), String>, usize) {
        let folder = tempfile::tempdir().unwrap();
        let homes: Vec<String> = answers.into_iter().map(|answer| server(vec![answer])).collect();
        let homes: Vec<&str> = homes.iter().map(String::as_str).collect();
        let path = folder.path().join("deep/hello.gz");
        let result = download(&file(), &homes, &path, &|_| ()).map_err(|error| error.to_string());
        assert_eq!(result.is_ok(), is_whole(&path, &file()));
        (result, std::fs::read_dir(path.parent().unwrap()).unwrap().count())
    }

    fn whole(text: &str) -> (usize, Vec<u8>) {
        (gzip(text).len(), gzip(text))
    }

    #[test]
    fn what_is_right_takes_its_place() {
        assert_eq!(outcome(vec![whole(HELLO)]), (Ok(()), 1));
    }

    #[test]
    fn what_is_wrong_is_refused_and_leaves_nothing() {
        let right = gzip(HELLO);
        let refused = |answer: (usize, Vec<u8>), saying: &str| {
            let (result, files) = outcome(vec![answer]);
            let error = result.unwrap_err();
            assert!(error.contains(saying) && error.contains("run the same command again"), "{error}");
            assert_eq!(files, 0);
        };
        refused(whole("hello Henna\n"), "it was altered");
        refused(whole("hello henna, and more\n"), "13 bytes or more, 12 expected");
        refused(whole("hello"), "holds 5 bytes");
        refused((right.len(), right[..right.len() / 2].to_vec()), "hello.gz");
        refused((right.len() / 2, right[..right.len() / 2].to_vec()), "no whole gzip file");
        refused((9, b"<html> no".to_vec()), "no whole gzip file");
    }

    #[test]
    fn the_next_home_is_tried() {
        assert_eq!(outcome(vec![whole("hello Henna\n"), whole(HELLO)]), (Ok(()), 1));
    }
}
