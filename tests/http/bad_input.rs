//! Bad input: a clear 4xx, whatever is sent, and a server that goes on.

use image::ImageFormat;
use reqwest::multipart::{Form, Part};
use serde_json::json;

use super::{MODEL, Server, file, png, refused, stop_sign};

fn predict(body: impl Into<reqwest::Body>) -> reqwest::RequestBuilder {
    Server::shared().post("/predict", body)
}

fn form(form: Form) -> reqwest::RequestBuilder {
    Server::shared().request("POST", &format!("{MODEL}/predict")).multipart(form)
}

fn explain(query: &str) -> reqwest::RequestBuilder {
    Server::shared().post(&format!("/explain/{query}"), png(stop_sign()))
}

#[tokio::test]
async fn what_is_no_picture_is_refused() {
    let detail = refused(predict("hello, this is not a picture"), 422, "not_a_picture").await;
    assert!(detail.contains("JPEG"), "{detail}");
    refused(predict("<svg xmlns='http://www.w3.org/2000/svg'/>"), 422, "not_a_picture").await;
    refused(form(Form::new().text("image", "a text")), 422, "not_a_picture").await;
    let encoded = json!({"image": {"b64": "aGVsbG8="}});
    let request = Server::shared().request("POST", &format!("{MODEL}/predict")).json(&encoded);
    refused(request, 422, "not_a_picture").await;
}

#[tokio::test]
async fn a_picture_cut_off_is_refused_in_every_format() {
    for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::Gif, ImageFormat::WebP, ImageFormat::Bmp] {
        let mut picture = file(stop_sign(), format);
        picture.truncate(picture.len() / 2);
        refused(predict(picture), 422, "broken_picture").await;
    }
    let mut header = file(stop_sign(), ImageFormat::Jpeg);
    header.truncate(20);
    refused(predict(header), 422, "broken_picture").await;
}

#[tokio::test]
async fn nothing_is_no_picture() {
    refused(predict(""), 422, "empty_picture").await;
    let unset = Part::bytes(Vec::new()).file_name("");
    refused(form(Form::new().part("image", unset)), 422, "empty_picture").await;
}

#[tokio::test]
async fn another_content_type_is_refused() {
    let request = predict("image=hello").header("content-type", "application/x-www-form-urlencoded");
    let detail = refused(request, 415, "unsupported_media_type").await;
    assert!(
        detail.contains("`application/x-www-form-urlencoded`") && detail.contains("multipart/form-data"),
        "{detail}"
    );
    refused(predict("hello").header("content-type", "text/plain"), 415, "unsupported_media_type").await;
}

#[tokio::test]
async fn a_form_has_exactly_one_picture() {
    let picture = || Part::bytes(png(stop_sign())).file_name("sign.png");
    refused(form(Form::new().text("top", "1")), 400, "missing_image").await;
    refused(form(Form::new().part("picture", picture())), 400, "missing_image").await;
    let two = Form::new().part("image", picture()).part("image", picture());
    refused(form(two), 400, "duplicate_image").await;
    let broken = predict("--X\r\nContent-Disp").header("content-type", "multipart/form-data; boundary=X");
    refused(broken, 400, "malformed_form").await;
}

#[tokio::test]
async fn json_has_exactly_one_picture() {
    let send = |body: &'static str| predict(body).header("content-type", "application/json");
    refused(send("{"), 400, "malformed_json").await;
    refused(send("{}"), 400, "missing_image").await;
    refused(send(r#"{"image": {"b64": "%%%"}}"#), 400, "malformed_base64").await;
    refused(send(r#"{"image": {"b64": "aGk="}, "image": {"b64": "aGk="}}"#), 400, "malformed_json").await;
    refused(send(r#"{"image": {"b64": "aGk="}, "top": {"a": 1}}"#), 422, "invalid_option").await;
}

#[tokio::test]
async fn fifty_megabytes_are_refused_announced_or_not() {
    let detail = refused(predict(vec![0; 50 << 20]), 413, "body_too_large").await;
    assert!(detail.contains("20971520 bytes"), "{detail}");
    let head =
        format!("POST {MODEL}/predict HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n");
    let chunk = [b"100000\r\n".as_slice(), &vec![0; 1 << 20], b"\r\n"].concat();
    let chunked = [head.as_bytes(), &chunk.repeat(50), b"0\r\n\r\n"].concat();
    let answer = tokio::task::spawn_blocking(move || Server::shared().raw(&chunked)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("body_too_large"), "{answer}");
}

#[tokio::test]
async fn a_refused_upload_is_read_to_its_end_so_that_its_client_learns_why() {
    // Larger than what the sockets between client and server hold.
    let large = || vec![0_u8; 16 << 20];
    refused(predict(large()).header("content-type", "text/plain"), 415, "unsupported_media_type").await;
    let server = Server::shared();
    refused(server.request("POST", "/v1/models/vgg19/predict").body(large()), 404, "unknown_model").await;
    refused(server.request("PUT", &format!("{MODEL}/predict")).body(large()), 405, "method_not_allowed").await;
}

#[tokio::test]
async fn a_client_that_waits_to_be_asked_is_refused_before_it_sends() {
    let head = format!("POST {MODEL}/predict HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 50000000\r\n");
    let request = format!("{head}expect: 100-continue\r\n\r\n");
    let answer = tokio::task::spawn_blocking(move || Server::shared().raw(request.as_bytes())).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
}

#[tokio::test]
async fn a_png_bomb_is_refused_from_its_header() {
    let detail = refused(predict(png_of_size(30_000, 30_000)), 422, "picture_too_large").await;
    assert!(detail.contains("30000x30000") && detail.contains("50000000"), "{detail}");
    refused(predict(png_of_size(20_000, 100)), 422, "picture_too_large").await;
    refused(predict(png_of_size(0, 0)), 422, "broken_picture").await;
}

#[tokio::test]
async fn an_unknown_technique_is_named_with_those_there_are() {
    let detail = refused(explain("gradcam"), 422, "unknown_technique").await;
    assert!(detail.contains("`gradcam`: did you mean `grad-cam`?"), "{detail}");
    for technique in ["saliency", "guided-backprop", "deconvnet", "grad-cam", "guided-grad-cam"] {
        assert!(detail.contains(&format!("`{technique}`")), "{detail}");
    }
}

#[tokio::test]
async fn an_unknown_layer_is_named_with_near_ones() {
    let detail = refused(explain("grad-cam?layer=block5_conv4"), 422, "unknown_layer").await;
    assert!(detail.contains("`block5_conv4`") && detail.contains("`block5_conv3`"), "{detail}");
    let detail = refused(explain("grad-cam?layer=fc1"), 422, "unsuitable_layer").await;
    assert!(detail.contains("`block5_conv3`"), "{detail}");
}

#[tokio::test]
async fn an_unknown_class_is_named_with_near_ones() {
    let detail = refused(explain("saliency?class=stop_sing"), 422, "unknown_class").await;
    assert!(detail.contains("`stop_sign`"), "{detail}");
    for class in ["101", "-1", "99999999999999999999"] {
        let detail = refused(explain(&format!("saliency?class={class}")), 422, "unknown_class").await;
        assert!(detail.contains("0 to 100"), "{detail}");
    }
    refused(explain("saliency?class="), 422, "unknown_class").await;
    let many = "class=1&".repeat(17);
    refused(explain(&format!("saliency?{many}")), 422, "too_many_classes").await;
}

#[tokio::test]
async fn an_unknown_option_is_named_with_those_there_are() {
    let detail = refused(explain("saliency?layer=block5_conv3"), 422, "unknown_option").await;
    assert!(detail.contains("`layer`") && detail.contains("`reduce`") && detail.contains("`colormap`"), "{detail}");
    let detail = refused(explain("grad-cam?klass=1"), 422, "unknown_option").await;
    assert!(detail.contains("did you mean `class`?"), "{detail}");
    let more = Form::new().part("image", Part::bytes(png(stop_sign()))).text("tops", "3");
    assert!(refused(form(more), 422, "unknown_option").await.contains("did you mean `top`?"));
}

#[tokio::test]
async fn an_unknown_value_is_named_with_the_allowed_ones() {
    for (query, allowed) in [
        ("saliency?reduce=sum", "`max`, `mean` or `none`"),
        ("saliency?colormap=rainbow", "`jet`"),
        ("saliency?output=poster", "`overlay`, `heatmap`"),
        ("saliency?size=huge", "`original` or `model`"),
        ("saliency?format=gif", "`json`, `png` or `npy`"),
        ("saliency?alpha=2", "from 0 to 1"),
        ("saliency?alpha=NaN", "from 0 to 1"),
        ("saliency?alpha=much", "from 0 to 1"),
    ] {
        let detail = refused(explain(query), 422, "invalid_option").await;
        assert!(detail.contains(allowed), "{query}: {detail}");
    }
}

#[tokio::test]
async fn an_option_is_given_once_wherever() {
    assert!(refused(explain("saliency?reduce=max&reduce=max"), 422, "invalid_option").await.contains("`reduce`"));
    let more = Form::new().part("image", Part::bytes(png(stop_sign()))).text("top", "3");
    let request = Server::shared().request("POST", &format!("{MODEL}/predict?top=2")).multipart(more);
    assert!(refused(request, 422, "invalid_option").await.contains("`top` is given 2 times"));
}

/// A PNG that says it has `width` times `height` pixels, and has hardly any.
fn png_of_size(width: u32, height: u32) -> Vec<u8> {
    let chunk = |kind: &[u8; 4], data: &[u8]| {
        let content = [kind.as_slice(), data].concat();
        [(data.len() as u32).to_be_bytes().as_slice(), &content, &crc32(&content).to_be_bytes()].concat()
    };
    let size = [width.to_be_bytes(), height.to_be_bytes()].concat();
    // 8 bits, RGB; then zlib's header, one stored block of 4 zeros, and their checksum.
    let header = [&size[..], &[8, 2, 0, 0, 0]].concat();
    let pixels = [0x78, 1, 1, 4, 0, 0xfb, 0xff, 0, 0, 0, 0, 0, 4, 0, 1];
    let parts = [chunk(b"IHDR", &header), chunk(b"IDAT", &pixels), chunk(b"IEND", &[])].concat();
    [b"\x89PNG\r\n\x1a\n", &parts[..]].concat()
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    })
}

#[tokio::test]
async fn what_is_too_long_to_be_a_name_is_not_repeated_whole() {
    let long = "x".repeat(60_000);
    let get = |call: &str| Server::shared().get(&format!("{MODEL}{call}"));
    let mut requests = vec![get(&format!("/layers/{long}")), get(&format!("/layers/fc1/weights?tensor={long}"))];
    requests.push(Server::shared().get(&format!("/v1/models/{long}")));
    requests.push(predict(png(stop_sign())).header("content-type", &long));
    for call in ["grad-cam?class=", "grad-cam?layer=", "grad-cam?variant=", "occlusion?fill=", "smoothgrad?seed="] {
        requests.push(explain(&format!("{call}{long}")));
    }
    requests.push(explain(&long));
    requests.push(explain(&format!("grad-cam?{long}=1")));
    for option in [format!("grad-cam.{long}"), format!("{long}.layer"), long] {
        requests.push(Server::shared().post(&format!("/explain?{option}=1"), png(stop_sign())));
    }
    for request in requests {
        let problem: serde_json::Value = request.send().await.unwrap().json().await.unwrap();
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.len() < 1000 && problem["code"] != "unknown_route", "{detail}");
    }
}
