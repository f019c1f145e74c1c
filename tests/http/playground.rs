//! The page's files, and what they ask of the service. What the page does is tried in a browser: `tests/browser`.

use std::{collections::BTreeSet, fs, path::Path};

use super::{MODEL, Server, header, json, png, refused, stop_sign};

const DIRECTORY: &str = "src/http/playground";

/// The addresses of all files of the page, under `/playground/`.
fn files() -> BTreeSet<String> {
    fn visit(directory: &Path, files: &mut BTreeSet<String>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                visit(&path, files);
            } else {
                files.insert(path.strip_prefix(DIRECTORY).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    let mut files = BTreeSet::new();
    visit(Path::new(DIRECTORY), &mut files);
    // The pictures of the gallery are drawn from these.
    files.retain(|file| {
        !(file.starts_with("gallery/") && Path::new(file).extension().is_some_and(|kind| kind == "svg"))
    });
    files
}

#[tokio::test]
async fn the_root_is_the_page_which_may_use_nothing_but_this_service() {
    let response = Server::shared().get("/").header("accept", "text/html,*/*;q=0.8").send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(header(&response, "content-type"), "text/html; charset=utf-8");
    assert_eq!(header(&response, "x-content-type-options"), "nosniff");
    let policy = header(&response, "content-security-policy").to_owned();
    for part in ["default-src 'none'", "script-src 'self';", "style-src 'self';", "connect-src 'self';"] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
    let page = response.text().await.unwrap();
    assert!(page.contains("<title>Glassbox"), "{page}");
    assert!(!page.contains("://") && !page.contains(" style=") && !page.contains(" onclick="), "{page}");
}

#[tokio::test]
async fn each_file_is_in_the_binary_under_its_media_type() {
    let server = Server::shared();
    let files = files();
    assert!(files.len() > 30, "{files:?}");
    for file in files {
        let response = server.get(&format!("/playground/{file}")).send().await.unwrap();
        assert_eq!(response.status(), 200, "{file} is not in the list of src/http/playground.rs");
        let expected = match file.rsplit('.').next().unwrap() {
            "js" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "html" => "text/html; charset=utf-8",
            "svg" => "image/svg+xml",
            "webp" => "image/webp",
            other => panic!("{other}"),
        };
        assert_eq!(header(&response, "content-type"), expected, "{file}");
        assert!(header(&response, "content-security-policy").contains("default-src 'none'"), "{file}");
        assert!(response.bytes().await.unwrap() == fs::read(Path::new(DIRECTORY).join(&file)).unwrap(), "{file}");
    }
    for none in ["nothing.js", "../playground.rs", "gallery/", "gallery/stop-sign.svg"] {
        refused(server.get(&format!("/playground/{none}").replace("..", "%2e%2e")), 404, "unknown_route").await;
    }
}

#[tokio::test]
async fn a_file_that_the_browser_has_is_not_sent_again() {
    let server = Server::shared();
    let tag = header(&server.get("/playground/main.js").send().await.unwrap(), "etag").to_owned();
    assert!(tag.len() > 10 && tag.starts_with('"'), "{tag}");
    let again = async |tag: &str| {
        let response = server.get("/playground/main.js").header("if-none-match", tag).send().await.unwrap();
        (response.status().as_u16(), response.bytes().await.unwrap().len())
    };
    for known in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".to_owned()] {
        assert_eq!(again(&known).await, (304, 0), "{known}");
    }
    assert_eq!(again("\"other\"").await.0, 200);
}

#[tokio::test]
async fn colour_maps_are_tables_of_what_options_name() {
    let answer = json(Server::shared().get("/v1/colormaps")).await;
    let maps = answer["colormaps"].as_array().unwrap();
    assert!(maps.iter().all(|map| map["colors"].as_array().unwrap().len() == 256));
    let jet = maps.iter().find(|map| map["name"] == "jet").unwrap();
    assert_eq!((&jet["diverging"], &jet["colors"][255]), (&false.into(), &serde_json::json!([128, 0, 0])));
    let diverging: Vec<_> = maps.iter().filter(|map| map["diverging"] == true).map(|map| &map["name"]).collect();
    assert_eq!(diverging, ["rdbu"]);
}

#[tokio::test]
async fn an_answer_says_which_part_of_the_picture_maps_lie_over() {
    let server = Server::shared();
    let answer = json(server.post("/explain/grad-cam", png(stop_sign()))).await;
    assert_eq!(answer["seen"], serde_json::json!({"left": 0.0, "top": 0.0, "width": 320.0, "height": 240.0}));
    let models = json(server.get("/v1/models")).await;
    assert_eq!(format!("/v1/models/{}", models["default"].as_str().unwrap()), MODEL);
}
