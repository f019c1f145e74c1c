//! The document and the pages that show it.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Server, json};

fn document() -> Value {
    serde_json::to_value(glassbox::http::openapi().unwrap()).unwrap()
}

#[test]
fn the_file_is_current() {
    let file: Value = serde_json::from_str(include_str!("../../openapi/openapi.json")).unwrap();
    assert!(file == document(), "openapi/openapi.json is not what the service says: run `make openapi`");
}

#[tokio::test]
async fn the_service_gives_the_document() {
    assert!(json(Server::shared().get("/openapi.json")).await == document());
}

#[test]
fn every_technique_describes_its_own_options() {
    let options = |technique: &str| {
        let document = document();
        let call = &document["paths"][format!("/v1/models/{{model}}/explain/{technique}")]["post"];
        let parameters = call["parameters"].as_array().unwrap().iter().filter(|parameter| parameter["in"] == "query");
        let query: BTreeSet<_> = parameters.map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect();
        for body in ["multipart/form-data", "application/json"] {
            let properties = &call["requestBody"]["content"][body]["schema"]["properties"];
            let form = properties.as_object().unwrap().keys().filter(|name| *name != "image").cloned();
            assert_eq!(form.collect::<BTreeSet<_>>(), query, "{technique}, {body}");
        }
        query
    };
    let style = ["alpha", "class", "colormap", "cutoff", "divider", "format", "output", "size", "vmax"];
    let with = |more: &[&str]| style.iter().chain(more).map(ToString::to_string).collect::<BTreeSet<_>>();
    assert_eq!(options("saliency"), with(&["reduce"]));
    assert_eq!(options("guided-backprop"), with(&["reduce"]));
    assert_eq!(options("deconvnet"), with(&["reduce"]));
    assert_eq!(options("grad-cam"), with(&["layer", "variant"]));
    assert_eq!(options("guided-grad-cam"), with(&["layer", "reduce"]));
}

#[test]
fn every_reference_leads_somewhere() {
    fn visit(value: &Value, document: &Value) {
        match value {
            Value::Object(members) => {
                if let Some(Value::String(reference)) = members.get("$ref") {
                    let target = document.pointer(reference.strip_prefix('#').unwrap());
                    assert!(target.is_some(), "{reference} leads nowhere");
                }
                members.values().for_each(|member| visit(member, document));
            }
            Value::Array(items) => items.iter().for_each(|item| visit(item, document)),
            _ => {}
        }
    }
    visit(&document(), &document());
}

#[tokio::test]
async fn the_pages_come_whole_from_this_service() {
    let server = Server::shared();
    let text = async |path: &str| {
        let response = server.get(path).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        response.text().await.unwrap()
    };
    let page = text("/docs/").await;
    let is_file = |part: &&str| [".js", ".css", ".png"].iter().any(|end| part.ends_with(end));
    let named: Vec<_> = page.split(['"', '\'']).filter(is_file).collect();
    assert!(named.len() >= 4, "{page}");
    for part in named {
        text(&format!("/docs/{}", part.trim_start_matches("./"))).await;
    }
    let settings = text("/docs/swagger-initializer.js").await;
    assert!(settings.contains("/openapi.json") && settings.contains(r#""validatorUrl": "none""#), "{settings}");
    assert!(!page.contains("//") && !settings.contains("http"), "{page}{settings}");
}
