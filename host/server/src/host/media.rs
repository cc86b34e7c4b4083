//! Images: encoded anew, kept under their digest, and stood for by objects `Image/{digest}`, which are written like every
//! other object. So the log says which images there are, and an erasure finds them.
//!
//! Whoever keeps or removes a file holds a turn, so that nothing is removed between a file and its entry.

use std::{sync::Arc, time::Duration};

use rosehip_adapters::media::{Format, InvalidPicture, MediaFileError, Picture, digest_of, image_key};
use rosehip_core::{
    ids::{ActorName, Digest},
    limits::MEDIA_PATIENCE_MS,
    object::Object,
};
use serde_json::{Map, Value, json};

use super::{Base, Host, ObjectWrite, ReadError, WriteError, installs::blocking};

/// What the addresses of images begin with.
const PATH: &str = "/media/";

/// An image that is kept.
#[derive(Debug, Clone)]
pub struct Image {
    /// The digest of its file.
    pub digest: Digest,
    /// Where it is served, as a path of this host.
    pub path: String,
    /// Its media type.
    pub media_type: String,
    /// Pixels across.
    pub width: u64,
    /// Pixels down.
    pub height: u64,
    /// What it shows, in words.
    pub alt: String,
}

/// Why an image was not kept, or cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// It is not taken.
    #[error(transparent)]
    Invalid(#[from] InvalidPicture),
    /// Its file cannot be read or written.
    #[error(transparent)]
    File(#[from] MediaFileError),
    /// Its entry was not written, or others are being decoded.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// Nothing can be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl Image {
    /// The image that an object stands for; none where it stands for something else.
    pub fn of(object: &Object) -> Option<Self> {
        let (digest, content) = (digest_of(&object.key)?, object.content.as_ref()?);
        let text = |name: &str| content.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let number = |name: &str| content.get(name).and_then(Value::as_u64).unwrap_or_default();
        Some(Self {
            digest,
            path: text("url"),
            media_type: text("mediaType"),
            width: number("width"),
            height: number("height"),
            alt: text("name"),
        })
    }

    /// As a document shows it (ActivityStreams 2.0 Vocabulary, `Image`).
    pub fn document(&self) -> Value {
        json!({
            "type": "Image",
            "mediaType": self.media_type,
            "url": self.path,
            "name": self.alt,
            "width": self.width,
            "height": self.height,
        })
    }

    /// What shows it in a body.
    pub fn markdown(&self) -> String {
        let alt: String = self.alt.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let alt = alt.replace('\\', "\\\\").replace('[', "\\[").replace(']', "\\]");
        format!("![{alt}]({})", self.path)
    }
}

impl Host {
    /// Keeps an image that somebody sent. Says whether it was not kept before.
    pub async fn add_image(
        &self,
        bytes: Vec<u8>,
        alt: String,
        owner: &ActorName,
        by: Option<String>,
    ) -> Result<(Image, bool), MediaError> {
        let picture = self.decode(bytes).await?;
        let (format, width, height) = (picture.format, picture.width, picture.height);
        let _turn = self.keeping_images.lock().await;
        let key = image_key(Digest::of(&picture.bytes));
        if self.object_was_erased(&key)? {
            return Err(WriteError::Erased(key).into());
        }
        let media = Arc::clone(&self.media);
        let digest = blocking(move || media.put(&picture.bytes)).await?;
        let content = json!({
            "name": alt,
            "mediaType": format.media_type(),
            "url": format!("{PATH}{digest}.{}", format.extension()),
            "width": width,
            "height": height,
        });
        let Value::Object(content) = content else { unreachable!("the literal above is an object") };
        let write = ObjectWrite { key, base: Base::Any, content: Some(content), owner: owner.clone(), by, wait: None };
        let written = self.write(write).await?;
        let image = Image::of(&written.object).ok_or_else(|| ReadError(format!("image {digest} is none")))?;
        Ok((image, written.created))
    }

    /// Decodes and encodes on a thread that may block, so many at a time.
    async fn decode(&self, bytes: Vec<u8>) -> Result<Picture, MediaError> {
        let patience = Duration::from_millis(MEDIA_PATIENCE_MS);
        let turn = tokio::time::timeout(patience, Arc::clone(&self.decoding).acquire_owned()).await;
        let busy = WriteError::Busy { retry_after: MEDIA_PATIENCE_MS / 1_000 };
        let turn = turn.map_err(|_| busy)?.map_err(|_| WriteError::Stopping)?;
        let decoded = tokio::task::spawn_blocking(move || {
            // Whoever sent it may have gone; the next one waits until this one is done all the same.
            let _turn = turn;
            Picture::of(&bytes)
        });
        Ok(decoded.await.map_err(|error| InvalidPicture::Damaged(error.to_string()))??)
    }

    /// An image that is kept.
    pub async fn image(&self, digest: Digest) -> Result<Option<Image>, ReadError> {
        Ok(self.object(&image_key(digest)).await?.as_ref().and_then(Image::of))
    }

    /// Whether an image was erased.
    pub fn image_was_erased(&self, digest: Digest) -> Result<bool, ReadError> {
        self.object_was_erased(&image_key(digest))
    }

    /// The file of an image, with what it is by its bytes.
    pub async fn image_file(&self, digest: Digest) -> Result<Option<(Format, Vec<u8>)>, MediaError> {
        let media = Arc::clone(&self.media);
        let bytes = blocking(move || media.get(digest)).await?;
        Ok(bytes.and_then(|bytes| Some((Format::of(&bytes)?, bytes))))
    }

    /// Images, the last added first, each with the `seq` that a next page begins before.
    pub async fn images(&self, before: Option<u64>, limit: usize) -> Result<Vec<(u64, Image)>, ReadError> {
        let objects = self.objects_at(self.read_views(|views| views.images(before, limit)).await?)?;
        Ok(objects.into_iter().filter_map(|(place, object)| Some((place, Image::of(&object)?))).collect())
    }

    /// Takes the file of an image away whose object is gone. The caller holds the turn.
    pub(super) async fn remove_image(&self, digest: Digest) {
        let media = Arc::clone(&self.media);
        if let Err(error) = blocking(move || media.remove(digest)).await {
            tracing::error!(%digest, %error, "an image's file was not removed; the next start tries again");
        }
    }

    /// Removes the files that no object stands for: a crash may have come between the two.
    pub(super) async fn sweep_images(&self) -> Result<(), MediaError> {
        let _turn = self.keeping_images.lock().await;
        let media = Arc::clone(&self.media);
        for digest in blocking(move || media.list()).await? {
            if !self.object(&image_key(digest)).await?.is_some_and(|object| object.exists()) {
                tracing::info!(%digest, "an image that no object stands for is removed");
                self.remove_image(digest).await;
            }
        }
        Ok(())
    }

    /// Says in an article's members which images its body shows, for those who read it elsewhere.
    pub(super) async fn illustrate(&self, write: &mut ObjectWrite) -> Result<(), ReadError> {
        if write.key.kind != Self::article_type() {
            return Ok(());
        }
        let Some(content) = write.content.as_mut() else { return Ok(()) };
        let html = content.get("content").and_then(Value::as_str).unwrap_or_default();
        let mut images = Vec::new();
        for digest in shown(html) {
            images.extend(self.image(digest).await?.map(|image| image.document()));
        }
        set_images(content, images);
        Ok(())
    }
}

/// The images that HTML shows, each once, in order.
fn shown(html: &str) -> Vec<Digest> {
    let mut digests: Vec<Digest> = Vec::new();
    for after in html.split("src=\"/media/").skip(1) {
        let digest = after.split('.').next().and_then(|name| name.parse().ok());
        digests.extend(digest.filter(|digest| !digests.contains(digest)));
    }
    digests
}

/// Puts this host's images into `image` and `attachment`, and leaves what else stands there.
fn set_images(content: &mut Map<String, Value>, images: Vec<Value>) {
    let is_ours = |value: &Value| value.get("url").and_then(Value::as_str).is_some_and(|url| url.starts_with(PATH));
    if content.get("image").is_none_or(is_ours) {
        content.remove("image");
        content.extend(images.first().map(|first| ("image".to_owned(), first.clone())));
    }
    let others = match content.remove("attachment") {
        Some(Value::Array(others)) => others,
        Some(other) => vec![other],
        None => Vec::new(),
    };
    let mut attachments: Vec<_> = others.into_iter().filter(|other| !is_ours(other)).collect();
    attachments.extend(images);
    if !attachments.is_empty() {
        content.insert("attachment".to_owned(), attachments.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_of_a_body_are_found_once_each() {
        let (one, two) = (Digest::of(b"1"), Digest::of(b"2"));
        let html = format!(
            "<img src=\"/media/{one}.png\"> <img src=\"/media/{two}.jpg\"> <img src=\"/media/{one}.png\">
             <img src=\"/media/x.png\"> <img src=\"https://h/media/{one}.png\">"
        );
        assert_eq!(shown(&html), [one, two]);
        assert_eq!(shown(""), []);
    }

    #[test]
    fn what_others_attached_stays() {
        let ours = json!({"type": "Image", "url": "/media/a.png"});
        let theirs = json!({"type": "Document", "url": "https://h/x.pdf"});
        let mut content = Map::from_iter([("attachment".to_owned(), json!([theirs, ours]))]);
        set_images(&mut content, vec![json!({"url": "/media/b.png"})]);
        assert_eq!(content["attachment"], json!([theirs, {"url": "/media/b.png"}]));
        assert_eq!(content["image"], json!({"url": "/media/b.png"}));
        set_images(&mut content, Vec::new());
        assert_eq!(Value::Object(content), json!({"attachment": [theirs]}));
    }
}
