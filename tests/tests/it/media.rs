//! Images: what is kept of what is uploaded, what is refused, and what is served.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use reqwest::{Method, header};
use rosehip_tests::{Answer, Browser, Client, FileForm, Host, rosehip};
use serde_json::{Value, json};

/// 1 MiB, and the most that an image may have.
const MIB: usize = 1 << 20;

pub(crate) fn encoded(format: ImageFormat) -> Vec<u8> {
    let image = RgbImage::from_fn(60, 40, |x, y| Rgb([u8::try_from(x).unwrap_or(0), u8::try_from(y).unwrap_or(0), 90]));
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::from(image).write_to(&mut bytes, format).expect("encoded");
    bytes.into_inner()
}

/// A JPEG that says where it was taken and that it lies on its side.
fn with_exif() -> Vec<u8> {
    let plain = encoded(ImageFormat::Jpeg);
    // One directory with an orientation of 6 (a quarter turn clockwise), then what a camera may say in words.
    let mut tiff = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0".to_vec();
    tiff.extend_from_slice(b"GPSLatitude 52.5200 Secret Camera 9000");
    let mut exif = b"Exif\0\0".to_vec();
    exif.extend(tiff);
    let length = u16::try_from(exif.len() + 2).expect("short").to_be_bytes();
    let mut bytes = plain[..2].to_vec();
    bytes.extend([0xff, 0xe1]);
    bytes.extend(length);
    bytes.extend(exif);
    bytes.extend(&plain[2..]);
    bytes
}

async fn upload(client: &Client, bytes: Vec<u8>, alt: &str) -> Answer {
    let form = FileForm::default().file(&bytes).text("alt", alt);
    let request = client.request(Method::POST, "/media").header(header::ACCEPT, "application/json");
    client.send(form.into_request(request)).await
}

/// The path of what was kept.
fn path(kept: &Value) -> String {
    let url = kept["url"].as_str().expect("a URL");
    url[url.find("/media/").expect("its path")..].to_owned()
}

async fn bytes(client: &Client, path: &str) -> Vec<u8> {
    let response = client.request(Method::GET, path).send().await.expect("the host answers");
    assert_eq!(response.status().as_u16(), 200);
    response.bytes().await.expect("a body").to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_format_is_kept_under_its_digest_and_served_for_good() {
    let host = Host::start().await;
    let client = host.client();
    for (format, media_type) in [
        (ImageFormat::Jpeg, "image/jpeg"),
        (ImageFormat::Png, "image/png"),
        (ImageFormat::Gif, "image/gif"),
        (ImageFormat::WebP, "image/webp"),
    ] {
        let kept = upload(&client, encoded(format), "A gradient").await.expect(201);
        assert_eq!((&kept["mediaType"], &kept["width"], &kept["height"]), (&json!(media_type), &json!(60), &json!(40)));
        let path = path(&kept);
        assert!(kept["markdown"].as_str().is_some_and(|text| text == format!("![A gradient]({path})")));
        let served = client.stranger().send(client.stranger().request(Method::GET, &path)).await;
        assert_eq!((served.status.as_u16(), served.header("content-type")), (200, media_type));
        assert!(served.header("cache-control").contains("immutable"));
        assert_eq!(served.header("x-content-type-options"), "nosniff");
        assert!(served.header("content-security-policy").contains("default-src 'none'"));
        let known = client.request(Method::GET, &path).header(header::IF_NONE_MATCH, served.header("etag"));
        assert_eq!(client.send(known).await.status.as_u16(), 304);
        let elsewhere = path.rsplit_once('.').map(|(digest, _)| format!("{digest}.html")).expect("an extension");
        assert_eq!(client.get(&elsewhere).await.status.as_u16(), 404);
        assert_eq!(upload(&client, encoded(format), "A gradient").await.status.as_u16(), 200, "it is there already");
    }
    assert_eq!(client.get("/media").await.expect(200)["media"].as_array().map(Vec::len), Some(4));
    assert_eq!(host.verify().code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_picture_was_taken_is_gone_and_it_stands_upright() {
    let host = Host::start().await;
    let client = host.client();
    let sent = with_exif();
    assert!(sent.windows(11).any(|window| window == b"GPSLatitude"));
    let kept = upload(&client, sent, "A holiday").await.expect(201);
    assert_eq!((&kept["width"], &kept["height"]), (&json!(40), &json!(60)), "it was turned");
    let served = bytes(&client, &path(&kept)).await;
    for trace in [&b"GPSLatitude"[..], b"Secret Camera", b"Exif"] {
        assert!(!served.windows(trace.len()).any(|window| window == trace));
    }
    let image = image::load_from_memory(&served).expect("an image");
    assert_eq!((image.width(), image.height()), (40, 60));
    // What a file holds beside its image does not come out again.
    let mut polyglot = encoded(ImageFormat::Png);
    polyglot.extend_from_slice(b"<script>alert('polyglot')</script>PK\x03\x04");
    let kept = upload(&client, polyglot, "Two in one").await.expect(201);
    let served = bytes(&client, &path(&kept)).await;
    assert!(!served.windows(8).any(|window| window == b"polyglot"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_image_or_would_be_too_much_of_one_is_refused_by_name() {
    let host = Host::start().await;
    let client = host.client();
    let svg = b"<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\"/>".to_vec();
    for bytes in [svg, b"GIF".to_vec(), b"<html>".to_vec(), vec![0; 100]] {
        assert_eq!(upload(&client, bytes, "x").await.expect(415)["rule"], "media-type");
    }
    let rule = async |bytes: Vec<u8>| {
        let problem = upload(&client, bytes, "x").await.expect(422);
        (problem["errors"][0]["field"].clone(), problem["errors"][0]["rule"].clone())
    };
    let png = encoded(ImageFormat::Png);
    assert_eq!(rule(png[..png.len() / 2].to_vec()).await, (json!("file"), json!("damaged")));
    assert_eq!(rule(bomb()).await, (json!("file"), json!("size")));
    assert_eq!(rule(long_gif()).await, (json!("file"), json!("animation")));
    let no_alt = upload(&client, png.clone(), "  ").await.expect(422);
    assert_eq!((&no_alt["errors"][0]["field"], &no_alt["errors"][0]["rule"]), (&json!("alt"), &json!("required")));
    assert_eq!(upload(&client, Vec::new(), "x").await.expect(422)["errors"][0]["field"], "file");
    let mut large = png;
    large.resize(10 * MIB + 1, 0);
    assert_eq!(upload(&client, large, "x").await.status.as_u16(), 413);
    let json = client.post("/media", &json!({"alt": "x"})).await;
    assert_eq!(json.expect(422)["errors"][0]["field"], "file");
    assert_eq!(client.get("/media").await.expect(200)["media"], json!([]), "nothing was kept");
    assert_eq!(std::fs::read_dir(host.path("media")).expect("readable").count(), 0);
}

/// A PNG whose header says 30,000 × 30,000.
fn bomb() -> Vec<u8> {
    let mut bytes = encoded(ImageFormat::Png);
    bytes[16..20].copy_from_slice(&30_000_u32.to_be_bytes());
    bytes[20..24].copy_from_slice(&30_000_u32.to_be_bytes());
    let checksum = crc32(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&checksum.to_be_bytes());
    bytes
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    })
}

/// A GIF of a thousand frames of one pixel, put together by hand.
fn long_gif() -> Vec<u8> {
    let mut bytes = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff".to_vec();
    for _ in 0..1_000 {
        bytes.extend_from_slice(b"\x2c\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0");
    }
    bytes.push(0x3b);
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn images_of_an_article_stand_in_its_document_with_what_they_show() {
    let host = Host::start().await;
    let client = host.client();
    let kept = upload(&client, encoded(ImageFormat::Png), "A [red] rose").await.expect(201);
    let body = format!("Look:\n\n{}\n", kept["markdown"].as_str().expect("Markdown"));
    let fields = json!({"title": "Rose", "body": body, "status": "published"});
    client.post("/new", &fields).await.expect(201);
    let request = client.stranger().request(Method::GET, "/rose/").header(header::ACCEPT, "application/activity+json");
    let document = client.send(request).await.json();
    let url = format!("{}{}", host.url(), path(&kept));
    let image = json!({
        "type": "Image", "mediaType": "image/png", "url": url, "name": "A [red] rose", "width": 60, "height": 40,
    });
    assert_eq!((&document["image"], &document["attachment"]), (&image, &json!([image])), "{document:#}");
    assert!(document["content"].as_str().is_some_and(|html| html.contains(&format!("src=\"{url}\""))));
    let page = client.stranger().page("/rose/").await;
    assert!(page.text.contains("alt=\"A [red] rose\""), "{}", page.text);
    client.post("/rose/edit", &json!({"body": "No more."})).await.expect(200);
    let bare = client.get("/objects/Article/rose").await.json();
    assert_eq!((bare.get("image"), bare.get("attachment")), (None, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_is_put_into_an_article_by_its_form_without_a_script() {
    let host = Host::start().await;
    let (browser, csrf) = Browser::of_an_editor(&host).await;
    let fields = |csrf: &str, alt: &str| {
        let form = FileForm::default().text("csrf", csrf).text("title", "Pictured").text("body", "Typed.");
        form.text("action", "upload").text("alt", alt).file(&encoded(ImageFormat::Png))
    };
    let page = browser.submit_file("/new", fields(&csrf, "A rose")).await;
    assert_eq!(page.status.as_u16(), 200, "{}", page.text);
    assert!(page.text.contains("Typed.\n\n![A rose](/media/"), "{}", page.text);
    assert!(page.text.contains("value=\"Pictured\""));
    let page = browser.submit_file("/new", fields(&csrf, "")).await;
    assert_eq!(page.status.as_u16(), 422);
    assert!(page.text.contains("alt-problem") && page.text.contains("Typed."), "{}", page.text);
    assert_eq!(browser.submit_file("/new", fields("forged", "A rose")).await.status.as_u16(), 403);
    assert_eq!(browser.submit_file("/media", fields("forged", "A rose")).await.status.as_u16(), 403);
    let kept = browser.submit_file("/media", fields(&csrf, "Again")).await;
    assert_eq!(kept.status.as_u16(), 303);
    assert!(browser.open("/media").await.text.contains("![Again](/media/"));
    let client = host.client();
    assert_eq!(client.get("/objects/Article/pictured").await.status.as_u16(), 404, "nothing was saved");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_is_in_a_backup_and_goes_with_its_erasure() {
    let host = Host::start().await;
    let client = host.client();
    let kept = upload(&client, encoded(ImageFormat::Png), "A rose").await.expect(201);
    let other = upload(&client, encoded(ImageFormat::Jpeg), "Another").await.expect(201);
    let (path, digest) = (path(&kept), kept["digest"].as_str().expect("a digest").to_owned());
    let copy = host.path("../copy");
    let copy = copy.to_str().expect("UTF-8").to_owned();
    assert_eq!(host.cli(&["backup", &copy], "").code, Some(0));
    assert!(std::path::Path::new(&copy).join("media").join(&digest).is_file());

    // It is a deletion that takes the file, or an erasure that takes what the log knows as well.
    assert_eq!(
        client.delete(&format!("/objects/Image/{}", other["digest"].as_str().expect("one"))).await.status.as_u16(),
        200
    );
    assert_eq!(client.get(&self::path(&other)).await.status.as_u16(), 404);
    let erasure = json!({"object": format!("Image/{digest}"), "reason": "asked for"});
    let erased = client.post("/erasures", &erasure).await;
    assert!(erased.status.is_success(), "{}", erased.text);
    assert_eq!(client.get(&path).await.status.as_u16(), 410);
    assert_eq!(std::fs::read_dir(host.path("media")).expect("readable").count(), 0);
    assert_eq!(host.verify().code, Some(0));
    assert_eq!(upload(&client, encoded(ImageFormat::Png), "Back again").await.status.as_u16(), 410);

    // A copy that is put back with what was erased since has no trace of it.
    let (back, data) = (host.path("../back"), host.data());
    let mut restore = std::process::Command::new(rosehip());
    restore.arg("--data").arg(&back).args(["restore", &copy, "--tombstones"]).arg(&data);
    let restored = restore.output().expect("it runs");
    assert!(restored.status.success(), "{}", String::from_utf8_lossy(&restored.stderr));
    assert!(!back.join("media").join(&digest).exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_or_altered_image_is_found_by_verify_and_never_served() {
    let host = Host::start().await;
    let client = host.client();
    let kept = upload(&client, encoded(ImageFormat::Png), "A rose").await.expect(201);
    let file = host.path("media").join(kept["digest"].as_str().expect("a digest"));
    let whole = std::fs::read(&file).expect("readable");
    std::fs::write(&file, b"\x89PNG\r\n\x1a\n<script>").expect("altered");
    assert_eq!(client.get(&path(&kept)).await.status.as_u16(), 500);
    let found = host.verify();
    assert!(found.code == Some(4) && found.stderr.contains("image"), "{found:?}");
    std::fs::remove_file(&file).expect("removed");
    assert_eq!(host.verify().code, Some(4));
    std::fs::write(&file, whole).expect("put back");
    assert_eq!(host.verify().code, Some(0));
    let put = client.put(&format!("/objects/Image/{}", "0".repeat(64)), &json!({"name": "none"})).await;
    assert_eq!(put.status.as_u16(), 409, "an object without a file would be no image");
}
