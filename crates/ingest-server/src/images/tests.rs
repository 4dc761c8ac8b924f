//! What photos must be, wherever they lie: in a folder, on their way to object storage, or there.

use object_store::{ObjectStore, memory::InMemory};
use parking_types::Span;
use tokio::sync::watch;

use super::*;
use crate::{
    clock::Clock,
    metrics::Metrics,
    objects::{Credentials, ObjectsAt},
    secrets::Text,
};

fn start() -> Instant {
    // Object storage has a clock of its own.
    Clock::system().now()
}

fn listed(store: &Arc<InMemory>) -> Objects {
    Objects::new(store.clone(), "city/default/images")
}

/// Brings all photos to the store, as far as that is possible now.
async fn settle(images: &Images, metrics: &Metrics) {
    let (stop, stopped) = watch::channel(false);
    let sending = images.send(metrics, stopped);
    let waiting = async {
        let files = || {
            let mut found = Vec::new();
            let look = &mut |folder: &Path| {
                retention::each(folder, &mut |file| {
                    found.extend(file.extension().is_none().then(|| file.to_owned()));
                    Ok(())
                })
            };
            retention::each(&images.folder, look).map(|()| found.len())
        };
        while images.remote.is_some() && files() != Ok(0) {
            tokio::task::yield_now().await;
        }
        stop.send_replace(true);
    };
    tokio::join!(sending, waiting);
}

/// What holds for all of them; `moves` tells whether photos go to the store as soon as they come.
async fn conforms(images: &Images, moves: bool) {
    let metrics = Metrics::default();
    let photo = Bytes::from_static(b"a photo");
    let record = Bytes::from_static(b"{\"by\":\"u-1\"}");
    let hash = Hash::of(&photo);
    assert_eq!(images.find(&hash).await, Ok(Found::Nothing));
    assert_eq!(images.erase(&hash, record.clone()).await, Ok(false));
    for _ in 0..2 {
        assert_eq!(images.store(photo.clone(), start()).await, Ok(hash));
        if moves {
            settle(images, &metrics).await;
        }
        assert_eq!(images.find(&hash).await, Ok(Found::Photo(photo.clone())));
    }
    assert_eq!(images.erase(&hash, record.clone()).await, Ok(true));
    assert_eq!(images.find(&hash).await, Ok(Found::Erased(record.clone())));
    assert_eq!(images.erase(&hash, record.clone()).await, Ok(false));
    // It comes again: it is there again, until it is erased again.
    images.store(photo.clone(), start()).await.unwrap();
    if moves {
        settle(images, &metrics).await;
    }
    assert_eq!(images.find(&hash).await, Ok(Found::Photo(photo.clone())));
    assert_eq!(images.erase(&hash, record.clone()).await, Ok(true));
    assert_eq!(images.find(&hash).await, Ok(Found::Erased(record)));

    // By age.
    let (keep, now) = (Span::from_days(30), start());
    let others = [Bytes::from_static(b"one"), Bytes::from_static(b"two")];
    for other in &others {
        images.store(other.clone(), now).await.unwrap();
    }
    if moves {
        settle(images, &metrics).await;
    }
    let swept = |at: Instant| async move {
        images.sweep(keep, at).await.unwrap() + images.sweep_objects(keep, at).await.unwrap()
    };
    assert_eq!(swept(now + Span::from_days(29)).await, 0);
    assert_eq!(swept(now + Span::from_days(31)).await, 2);
    for other in &others {
        assert_eq!(images.find(&Hash::of(other)).await, Ok(Found::Nothing));
    }
    assert_eq!(swept(now + Span::from_days(31)).await, 0);
    let told = fs::read_to_string(images.folder.join("erased.jsonl")).unwrap();
    assert!(told.lines().last().unwrap().contains("\"photos\":2"), "{told}");
}

#[tokio::test]
async fn photos_in_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    conforms(&Images::new(folder.path().join("images")), false).await;
}

#[tokio::test]
async fn photos_on_their_way_to_the_store() {
    let (folder, store) = (tempfile::tempdir().unwrap(), Arc::new(InMemory::new()));
    conforms(&Images::spooled(folder.path().join("images"), listed(&store)), false).await;
}

#[tokio::test]
async fn photos_in_the_store() {
    let (folder, store) = (tempfile::tempdir().unwrap(), Arc::new(InMemory::new()));
    conforms(&Images::spooled(folder.path().join("images"), listed(&store)), true).await;
}

#[test]
fn hashes_are_read_and_written() {
    let hash = Hash::of(b"a photo");
    assert_eq!(Hash::parse(&hash.to_string()), Some(hash));
    for bad in ["", "ab", &"g".repeat(64), &"é".repeat(32)] {
        assert_eq!(Hash::parse(bad), None);
    }
}

/// A store that nobody is at.
fn nowhere() -> Objects {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let at = ObjectsAt {
        bucket: "photos".to_owned(),
        prefix: String::new(),
        endpoint: Some(format!("http://{gone}")),
        region: "us-east-1".to_owned(),
        credentials: Credentials::Line(Text("AKID s3cr3t".to_owned())),
        authorities: None,
    };
    Objects::open(&at, "default/images").unwrap()
}

#[tokio::test]
async fn what_waits_is_read_counted_and_sent_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("images");
    let (photo, metrics) = (Bytes::from_static(b"a photo"), Arc::new(Metrics::default()));
    let hash = Hash::of(&photo);
    let down = Images::spooled(place.clone(), nowhere());
    down.store(photo.clone(), start()).await.unwrap();
    let (stop, stopped) = watch::channel(false);
    let (sending, counting) = (down.clone(), metrics.clone());
    let sending = tokio::spawn(async move { sending.send(&counting, stopped).await });
    let has = |wanted: &str| {
        let mut out = String::new();
        metrics.write(&mut out);
        out.lines().any(|line| line == wanted)
    };
    while !has("parkline_photos_failed_total 1") {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert!(has("parkline_photos_waiting 1") && has("parkline_photos_waiting_bytes 7"));
    assert_eq!(down.find(&hash).await, Ok(Found::Photo(photo.clone())), "it waits, and can be read");
    let other = down.find(&Hash::of(b"another")).await;
    assert!(matches!(other, Err(ImagesError::Objects(_))), "nobody knows whether it is there: {other:?}");
    let refused = down.erase(&hash, Bytes::from_static(b"{}")).await.unwrap_err().to_string();
    assert!(refused.contains("object storage") && !refused.contains("s3cr3t"), "{refused}");
    assert_eq!(down.find(&hash).await, Ok(Found::Photo(photo.clone())), "nothing is half erased");
    stop.send_replace(true);
    sending.await.unwrap();

    let store = Arc::new(InMemory::new());
    let up = Images::spooled(place, listed(&store));
    let (stop, stopped) = watch::channel(false);
    let sent = async {
        while !has("parkline_photos_sent_total 1") {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        stop.send_replace(true);
    };
    tokio::join!(up.send(&metrics, stopped), sent);
    assert!(has("parkline_photos_waiting 0") && has("parkline_photos_waiting_bytes 0"));
    let at = object_store::path::Path::from(format!("city/default/images/{}", name(&hash)));
    let there = object_store::ObjectStoreExt::get(&*store, &at).await.unwrap().bytes().await;
    assert_eq!(there.unwrap(), photo, "byte for byte");
    assert_eq!(up.find(&hash).await, Ok(Found::Photo(photo)));
}

#[tokio::test]
async fn what_is_damaged_is_neither_sent_nor_given_out_and_keeps_nobody_from_it() {
    let (folder, store) = (tempfile::tempdir().unwrap(), Arc::new(InMemory::new()));
    let images = Images::spooled(folder.path().join("images"), listed(&store));
    let metrics = Metrics::default();
    let mut hashes = Vec::new();
    // More than there may be failures in a row.
    for number in 0..20 {
        hashes.push(images.store(Bytes::from(format!("photo {number}")), start()).await.unwrap());
    }
    for hash in hashes.iter().skip(1) {
        fs::write(images.file(hash), "spoilt").unwrap();
    }
    let (stop, stopped) = watch::channel(false);
    let sent = async {
        while images.file(&hashes[0]).exists() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        stop.send_replace(true);
    };
    tokio::join!(images.send(&metrics, stopped), sent);
    let objects = listed(&store);
    let names: Vec<String> = futures_util::StreamExt::collect::<Vec<_>>(objects.list())
        .await
        .into_iter()
        .map(|l| l.unwrap().name)
        .collect();
    assert_eq!(names, [name(&hashes[0])]);
    // And what is damaged in the store is not given out.
    objects.put(&name(&hashes[0]), Bytes::from_static(b"spoilt")).await.unwrap();
    assert_eq!(images.find(&hashes[0]).await, Err(ImagesError::Damaged { hash: hashes[0] }));
}

#[tokio::test]
async fn only_what_is_ours_is_erased_in_a_bucket_that_is_shared() {
    let (folder, store) = (tempfile::tempdir().unwrap(), Arc::new(InMemory::new()));
    let images = Images::spooled(folder.path().join("images"), listed(&store));
    let photo = Hash::of(b"a photo");
    for other in
        [format!("city/default/images/{photo}"), "city/default/images/ab/notes".into(), "city/other".into()]
    {
        store.put_opts(&other.into(), "x".into(), Default::default()).await.unwrap();
    }
    listed(&store).put(&name(&photo), Bytes::from_static(b"a photo")).await.unwrap();
    let later = start() + Span::from_days(31);
    assert_eq!(images.sweep_objects(Span::from_days(30), later).await, Ok(1));
    assert_eq!(futures_util::StreamExt::count(store.list(None)).await, 3);
}
