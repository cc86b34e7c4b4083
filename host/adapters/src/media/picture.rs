//! An image that somebody sent becomes one that can be shown to everybody: decoded within limits, turned upright, and
//! encoded anew, so that nothing is left of what else its file held.

use std::io::Cursor;

use image::{
    AnimationDecoder as _, ColorType, DynamicImage, ImageDecoder, ImageError, ImageFormat, Limits,
    codecs::{
        gif::{GifDecoder, GifEncoder, Repeat},
        jpeg::{JpegDecoder, JpegEncoder},
        png::{CompressionType, FilterType, PngDecoder, PngEncoder},
        webp::{WebPDecoder, WebPEncoder},
    },
    metadata::Orientation,
};
use rosehip_core::limits::{MEDIA_BYTES, MEDIA_DECODED_BYTES, MEDIA_FRAMES, MEDIA_PIXELS, MEDIA_SIDE};

/// How good a JPEG is that is encoded anew, of 100.
const JPEG_QUALITY: u8 = 90;
/// How coarsely the colours of an animation are chosen, of 30.
const GIF_SPEED: i32 = 10;

/// What an image is encoded as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// JPEG.
    Jpeg,
    /// PNG.
    Png,
    /// GIF, perhaps animated.
    Gif,
    /// WebP, without loss.
    WebP,
}

impl Format {
    /// The format of bytes, by how they begin and not by what anybody says of them.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        const KNOWN: [(ImageFormat, Format); 4] = [
            (ImageFormat::Jpeg, Format::Jpeg),
            (ImageFormat::Png, Format::Png),
            (ImageFormat::Gif, Format::Gif),
            (ImageFormat::WebP, Format::WebP),
        ];
        let guessed = image::guess_format(bytes).ok()?;
        KNOWN.iter().find(|(format, _)| *format == guessed).map(|(_, format)| *format)
    }

    /// How its files' names end.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::Gif => "gif",
            Self::WebP => "webp",
        }
    }

    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Gif => "image/gif",
            Self::WebP => "image/webp",
        }
    }
}

/// Why an image is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPicture {
    /// It is none of the formats that are shown.
    #[error("it is no JPEG, PNG, GIF or WebP")]
    Format,
    /// It is larger than the host decodes.
    #[error("{0}")]
    Size(String),
    /// It has more frames than the host decodes, or moves in a way that would be lost.
    #[error("{0}")]
    Animation(&'static str),
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Damaged(String),
}

/// An image that is ready to be kept and shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Its file.
    pub bytes: Vec<u8>,
    /// What that is.
    pub format: Format,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
}

impl Picture {
    /// Makes an image of bytes that a stranger may have made. It takes a while: call it on a thread that may block.
    pub fn of(bytes: &[u8]) -> Result<Self, InvalidPicture> {
        let cursor = Cursor::new(bytes);
        let picture = match Format::of(bytes).ok_or(InvalidPicture::Format)? {
            Format::Jpeg => still(JpegDecoder::new(cursor)?, Format::Jpeg),
            Format::Png => {
                let decoder = PngDecoder::with_limits(cursor, limits())?;
                if decoder.is_apng()? {
                    return Err(InvalidPicture::Animation("an animated PNG would lose its movement; send a GIF"));
                }
                still(decoder, Format::Png)
            }
            Format::Gif => moving(GifDecoder::new(cursor)?),
            Format::WebP => {
                let decoder = WebPDecoder::new(cursor)?;
                if decoder.has_animation() {
                    return Err(InvalidPicture::Animation("an animated WebP would lose its movement; send a GIF"));
                }
                // There is only an encoder without loss, which makes a photograph ten times as large.
                let is_photograph = has_lossy_chunk(bytes) && !decoder.color_type().has_alpha();
                still(decoder, if is_photograph { Format::Jpeg } else { Format::WebP })
            }
        }?;
        if picture.bytes.len() > MEDIA_BYTES * 2 {
            let message = format!("encoded anew it has {} bytes, at most {}", picture.bytes.len(), MEDIA_BYTES * 2);
            return Err(InvalidPicture::Size(message));
        }
        Ok(picture)
    }
}

fn limits() -> Limits {
    let mut limits = Limits::no_limits();
    limits.max_image_width = Some(MEDIA_SIDE);
    limits.max_image_height = Some(MEDIA_SIDE);
    limits.max_alloc = Some(MEDIA_DECODED_BYTES);
    limits
}

/// Holds what the header says against the limits, before anything of that size is allocated.
fn admit(decoder: &mut impl ImageDecoder) -> Result<(), InvalidPicture> {
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    if width > MEDIA_SIDE || height > MEDIA_SIDE || pixels > MEDIA_PIXELS {
        let most = format!("at most {MEDIA_SIDE} a side and {MEDIA_PIXELS} together");
        return Err(InvalidPicture::Size(format!("it has {width} × {height} pixels, {most}")));
    }
    if decoder.total_bytes() > MEDIA_DECODED_BYTES {
        let message = format!("decoded it takes {} bytes, at most {MEDIA_DECODED_BYTES}", decoder.total_bytes());
        return Err(InvalidPicture::Size(message));
    }
    Ok(decoder.set_limits(limits())?)
}

/// An image that does not move.
fn still(mut decoder: impl ImageDecoder, format: Format) -> Result<Picture, InvalidPicture> {
    admit(&mut decoder)?;
    // Metadata that cannot be read says nothing; the image may be fine.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut image = DynamicImage::from_decoder(decoder)?;
    image.apply_orientation(orientation);
    let (width, height) = (image.width(), image.height());
    let mut bytes = Vec::new();
    match format {
        Format::Jpeg => {
            // A JPEG holds eight bits, and nothing that shines through.
            let is_grey = matches!(image.color(), ColorType::L8 | ColorType::L16);
            let image: DynamicImage = if is_grey { image.into_luma8().into() } else { image.into_rgb8().into() };
            JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY).encode_image(&image)?;
        }
        Format::WebP => {
            let image = match image.color().has_alpha() {
                true => DynamicImage::from(image.to_rgba8()),
                false => image.to_rgb8().into(),
            };
            image.write_with_encoder(WebPEncoder::new_lossless(&mut bytes))?;
        }
        Format::Png | Format::Gif => {
            let encoder = PngEncoder::new_with_quality(&mut bytes, CompressionType::Default, FilterType::Adaptive);
            image.write_with_encoder(encoder)?;
        }
    }
    Ok(Picture { bytes, format, width, height })
}

/// A GIF, whose frames are encoded one after the other.
fn moving(mut decoder: GifDecoder<Cursor<&[u8]>>) -> Result<Picture, InvalidPicture> {
    admit(&mut decoder)?;
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new_with_speed(&mut bytes, GIF_SPEED);
    for (frame, number) in decoder.into_frames().zip(1_u64..) {
        if number > MEDIA_FRAMES || number * pixels > MEDIA_PIXELS {
            return Err(InvalidPicture::Animation("it has too many frames, or too large ones"));
        }
        if number == 2 {
            encoder.set_repeat(Repeat::Infinite)?;
        }
        encoder.encode_frame(frame?)?;
    }
    drop(encoder);
    match bytes.is_empty() {
        true => Err(InvalidPicture::Damaged("it has no frame".to_owned())),
        false => Ok(Picture { bytes, format: Format::Gif, width, height }),
    }
}

/// Whether a WebP holds a chunk that was encoded with loss (RFC 9649 §2.5).
fn has_lossy_chunk(bytes: &[u8]) -> bool {
    let mut rest = bytes.get(12..).unwrap_or_default();
    while let Some((header, after)) = rest.split_at_checked(8) {
        if header.starts_with(b"VP8 ") {
            return true;
        }
        let length = header.get(4..8).and_then(|length| <[u8; 4]>::try_from(length).ok()).map(u32::from_le_bytes);
        let length = length.and_then(|length| usize::try_from(length).ok()).unwrap_or(usize::MAX);
        // Chunks begin at even places.
        rest = after.get(length.saturating_add(length % 2)..).unwrap_or_default();
    }
    false
}

impl From<ImageError> for InvalidPicture {
    fn from(error: ImageError) -> Self {
        match error {
            ImageError::Limits(error) => Self::Size(error.to_string()),
            error @ (ImageError::Decoding(_)
            | ImageError::Encoding(_)
            | ImageError::Parameter(_)
            | ImageError::Unsupported(_)
            | ImageError::IoError(_)) => Self::Damaged(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use image::{ExtendedColorType, ImageEncoder as _, Rgb, RgbImage};

    use super::*;

    fn encoded(format: ImageFormat) -> Vec<u8> {
        let image = RgbImage::from_fn(40, 20, |x, _| Rgb([u8::try_from(x * 6).unwrap_or(255), 0, 0]));
        let mut bytes = Cursor::new(Vec::new());
        DynamicImage::from(image).write_to(&mut bytes, format).expect("encoded");
        bytes.into_inner()
    }

    #[test]
    fn each_format_comes_out_as_itself_and_as_itself_again() {
        for (format, wanted) in [
            (ImageFormat::Jpeg, Format::Jpeg),
            (ImageFormat::Png, Format::Png),
            (ImageFormat::Gif, Format::Gif),
            (ImageFormat::WebP, Format::WebP),
        ] {
            let picture = Picture::of(&encoded(format)).expect("taken");
            assert_eq!((picture.format, picture.width, picture.height), (wanted, 40, 20));
            assert_eq!(Format::of(&picture.bytes), Some(wanted));
            assert_eq!(Picture::of(&picture.bytes).expect("taken again").format, wanted);
        }
    }

    #[test]
    fn what_is_cut_short_is_refused_wherever_the_cut_is() {
        for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::Gif, ImageFormat::WebP] {
            let bytes = encoded(format);
            for length in 0..bytes.len() {
                // A decoder may fill in what is missing of the last row; it never panics.
                if let Ok(picture) = Picture::of(&bytes[..length]) {
                    assert_eq!((picture.width, picture.height), (40, 20), "{format:?} cut at {length}");
                }
            }
        }
    }

    #[test]
    fn a_header_that_promises_too_much_is_refused_before_it_is_believed() {
        let mut bytes = Vec::new();
        let encoder = PngEncoder::new(&mut bytes);
        encoder.write_image(&[0; 3], 1, 1, ExtendedColorType::Rgb8).expect("encoded");
        // IHDR holds width and height at 16 and 20; its checksum follows what it covers.
        bytes[16..20].copy_from_slice(&30_000_u32.to_be_bytes());
        bytes[20..24].copy_from_slice(&30_000_u32.to_be_bytes());
        let checksum = crc32(&bytes[12..29]);
        bytes[29..33].copy_from_slice(&checksum.to_be_bytes());
        assert!(matches!(Picture::of(&bytes), Err(InvalidPicture::Size(_))), "{:?}", Picture::of(&bytes));
    }

    /// The checksum of a PNG's chunks (ISO 15948 §5.5), bit by bit.
    fn crc32(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(u32::MAX, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
        })
    }

    #[test]
    fn only_what_is_an_image_by_its_bytes_is_one() {
        for bytes in [&b""[..], b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>", b"%PDF-1.7", b"BM", b"GIF", b"MZ"] {
            assert_eq!(Picture::of(bytes), Err(InvalidPicture::Format));
        }
    }

    #[test]
    fn an_animation_keeps_its_frames_and_has_so_many_at_most() {
        let animated = |frames: u64| {
            let mut bytes = Vec::new();
            let mut encoder = GifEncoder::new(&mut bytes);
            for frame in 0..frames {
                let shade = u8::try_from(frame % 256).unwrap_or_default();
                let frame = image::RgbaImage::from_pixel(4, 4, image::Rgba([shade, 0, 0, 255]));
                encoder.encode_frame(image::Frame::new(frame)).expect("encoded");
            }
            drop(encoder);
            bytes
        };
        let picture = Picture::of(&animated(3)).expect("taken");
        let frames = GifDecoder::new(Cursor::new(&*picture.bytes)).expect("a GIF").into_frames().count();
        assert_eq!((frames, picture.format), (3, Format::Gif));
        assert!(matches!(Picture::of(&animated(MEDIA_FRAMES + 1)), Err(InvalidPicture::Animation(_))));
    }
}
