//! Which node this is: the id under which it holds shards.

use std::fs::{self, File, TryLockError};
use std::path::Path;

use anyhow::{Context, Result};
use rand::Rng;
use uuid::Uuid;

/// A node's id, and what keeps another process from using it.
#[derive(Debug)]
pub struct Node {
    /// The id. Kept in the data folder: a process that is started again has its shards back at once, instead of waiting
    /// for the leases of the one before to run out.
    pub id: Uuid,
    _lock: Option<File>,
}

impl Node {
    /// The id in `data_dir`, made with `random` at the first start. While another live process uses it, as when several
    /// nodes of one machine share a folder, this one gets an id of its own that is not kept.
    pub fn load(data_dir: &Path, random: &mut impl Rng) -> Result<Self> {
        fs::create_dir_all(data_dir)
            .with_context(|| format!("the data folder {} cannot be made", data_dir.display()))?;
        let path = data_dir.join("node.id");
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .with_context(|| format!("{} cannot be opened", path.display()))?;
        let mut bytes = [0; 16];
        random.fill_bytes(&mut bytes);
        let fresh = uuid::Builder::from_random_bytes(bytes).into_uuid();
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Ok(Self {
                    id: fresh,
                    _lock: None,
                });
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("{} cannot be locked", path.display()));
            }
        }
        let kept = fs::read_to_string(&path)
            .ok()
            .and_then(|text| text.trim().parse().ok());
        let id = if let Some(id) = kept {
            id
        } else {
            fs::write(&path, format!("{fresh}\n"))
                .with_context(|| format!("{} cannot be written", path.display()))?;
            fresh
        };
        Ok(Self {
            id,
            _lock: Some(file),
        })
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::SmallRng};

    use super::*;

    #[test]
    fn an_id_is_kept_and_never_shared() {
        let folder = tempfile::tempdir().unwrap();
        let mut rng = SmallRng::seed_from_u64(1);
        let first = Node::load(folder.path(), &mut rng).unwrap();
        let second = Node::load(folder.path(), &mut rng).unwrap();
        assert_ne!(first.id, second.id, "the first one lives");
        let id = first.id;
        drop(first);
        assert_eq!(Node::load(folder.path(), &mut rng).unwrap().id, id);
    }
}
