//! One small VGG16 as the ONNX model zoo has it, and made of weights named as three libraries do (`golden/vgg16.py`).

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use glassbox::{
    config::Config,
    error::Error,
    model::{Imported, Labels, Model, Models, Naming, Question, import_vgg16},
    onnx::feature_layer,
    runtime::Cancellation,
};
use ndarray::{Array4, ArrayD};
use ndarray_npy::ReadNpyExt;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use crate::vgg16;

/// Keras' names of the layers that both files have.
const LAYERS: &str = "block1_conv1 block1_conv2 block1_pool block2_conv1 block2_conv2 block2_pool \
                      block3_conv1 block3_conv2 block3_conv3 block3_pool block4_conv1 block4_conv2 block4_conv3 block4_pool \
                      block5_conv1 block5_conv2 block5_conv3 block5_pool flatten fc1 fc2 predictions";

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/vgg16").join(name)
}

fn load(models: &Path, name: &str) -> Result<Model, Error> {
    let mut config = Config::default();
    config.models.dir = models.to_owned();
    config.models.cache_dir = env!("CARGO_TARGET_TMPDIR").into();
    Models::load_one(&config, name)
}

/// The model gives PyTorch's logits, and its layers have Keras' names.
fn check(model: &Model) {
    let names: Vec<_> = model.layers().iter().skip(1).map(|layer| layer.name.as_str()).collect();
    assert!(names.join(" ").starts_with(LAYERS), "{names:?}");
    assert_eq!(feature_layer(model.layers()).unwrap().name, "block5_conv3");
    let picture = Array4::from_shape_vec((1, 3, 64, 64), vgg16::uniform(100, 3 * 64 * 64, 2.0)).unwrap();
    let answer = model.ask(&Question::default(), &picture, &[None], &Cancellation::default()).unwrap();
    let logits = ArrayD::<f32>::read_npy(fs::File::open(golden("logits.npy")).unwrap()).unwrap();
    assert_eq!(answer.logits.shape(), logits.shape());
    let error =
        (&answer.logits - &logits).mapv(f32::abs).fold(0.0, |largest: f32, &difference| largest.max(difference));
    assert!(error < 1e-5, "{error}");
}

#[test]
fn the_model_zoos_file_is_served_with_keras_names() {
    let models = tempfile::tempdir().unwrap();
    fs::create_dir(models.path().join("zoo")).unwrap();
    fs::copy(golden("zoo.onnx"), models.path().join("zoo/model.onnx")).unwrap();
    check(&load(models.path(), "zoo").unwrap());
}

#[test]
fn weights_of_three_libraries_make_the_same_model() {
    let models = tempfile::tempdir().unwrap();
    for (file, naming, mode) in [
        ("torchvision", Naming::Torchvision, "torch"),
        ("timm", Naming::Timm, "torch"),
        ("keras", Naming::Keras, "caffe"),
    ] {
        let labels = Some(Labels::parse("a\nb\nc\nd\ne\nf\ng"));
        let weights = golden(&format!("{file}.safetensors"));
        let imported = import_vgg16(&weights, &models.path().join(file), labels, false);
        assert_eq!(imported, Ok(Imported { naming, classes: 7, size: 64 }));
        let model = load(models.path(), file).unwrap();
        check(&model);
        assert_eq!(model.labels().get(6), "g");
        let preprocessing = serde_json::to_value(model.preprocessing()).unwrap();
        let (order, resize) = if mode == "caffe" { ("bgr", "stretch") } else { ("rgb", "crop") };
        assert_eq!((&preprocessing["order"], &preprocessing["resize"]), (&order.into(), &resize.into()));
    }
}

#[test]
fn a_thousand_classes_are_imagenets() {
    static ZEROS: [u8; 4 * 1000 * 10] = [0; 4 * 1000 * 10];
    let directory = tempfile::tempdir().unwrap();
    let weights = changed(directory.path(), "timm", |tensors| {
        *tensor(tensors, "head.fc.weight") = TensorView::new(Dtype::F32, vec![1000, 10], &ZEROS).unwrap();
        *tensor(tensors, "head.fc.bias") = TensorView::new(Dtype::F32, vec![1000], &ZEROS[..4000]).unwrap();
    });
    let net = directory.path().join("net");
    assert_eq!(import_vgg16(&weights, &net, None, false).unwrap().classes, 1000);
    // Written beside the model, and known without a file.
    for _ in 0..2 {
        assert_eq!(load(directory.path(), "net").unwrap().labels().get(919), "street sign");
        let _ = fs::remove_file(net.join("labels.txt"));
    }
}

/// `golden/vgg16/timm.safetensors` with its numbers written by `write`, as `dtype`.
fn rewritten(directory: &Path, dtype: Dtype, write: &dyn Fn(f32) -> Vec<u8>) -> PathBuf {
    let file = fs::read(golden("timm.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&file).unwrap();
    let stored: Vec<_> = tensors
        .iter()
        .map(|(name, view)| {
            let floats = view.data().chunks(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()));
            (name, view.shape().to_vec(), floats.flat_map(write).collect::<Vec<u8>>())
        })
        .collect();
    let views = stored.iter().map(|(name, shape, data)| (*name, TensorView::new(dtype, shape.clone(), data).unwrap()));
    let path = directory.join("rewritten.safetensors");
    fs::write(&path, safetensors::serialize(views, None).unwrap()).unwrap();
    path
}

#[test]
fn halves_and_doubles_are_read() {
    let directory = tempfile::tempdir().unwrap();
    let net = directory.path().join("net");
    let import = |dtype, write: &dyn Fn(f32) -> Vec<u8>| {
        import_vgg16(&rewritten(directory.path(), dtype, write), &net, None, true).unwrap();
        fs::read(net.join("model.onnx")).unwrap()
    };
    let half = import(Dtype::F16, &|value| half::f16::from_f32(value).to_le_bytes().to_vec());
    let brain = import(Dtype::BF16, &|value| half::bf16::from_f32(value).to_le_bytes().to_vec());
    let double = import(Dtype::F64, &|value| f64::from(value).to_le_bytes().to_vec());
    check(&load(directory.path(), "net").unwrap());
    let single = |round: &dyn Fn(f32) -> f32| import(Dtype::F32, &|value| round(value).to_le_bytes().to_vec());
    assert!(half == single(&|value| half::f16::from_f32(value).to_f32()));
    assert!(brain == single(&|value| half::bf16::from_f32(value).to_f32()));
    assert!(double == single(&|value| value));
}

#[test]
fn what_an_operator_wrote_is_imported_beside_and_forced_away() {
    let directory = tempfile::tempdir().unwrap();
    let net = directory.path().join("net");
    let read = |name: &str| fs::read_to_string(net.join(name)).unwrap();
    fs::create_dir(&net).unwrap();
    fs::write(net.join("model.toml"), "# mine").unwrap();
    fs::write(net.join("labels.txt"), "a\nb\n").unwrap();
    let import = |labels: Option<&str>, force| {
        import_vgg16(&golden("timm.safetensors"), &net, labels.map(Labels::parse), force).map_err(|error| error.code)
    };
    assert_eq!(import(None, false), Err("labels_do_not_fit"));
    let mine = "a\nb\nc\nd\ne\nf\nmine\n";
    fs::write(net.join("labels.txt"), mine).unwrap();
    assert_eq!(import(Some("a\nb\nc\nd\ne\nf\ng"), false), Err("other_labels_there"));
    assert!(import(None, false).is_ok());
    assert_eq!((read("model.toml").as_str(), read("labels.txt").as_str()), ("# mine", mine));
    assert_eq!(import(None, false), Err("another_model_there"));
    // Labels of what was there before are not those of what takes its place.
    assert!(import(None, true).is_ok());
    assert!(read("model.toml").contains("VGG16") && !net.join("labels.txt").exists());
}

type Tensors<'a> = Vec<(String, TensorView<'a>)>;

/// A file of the tensors of `golden/vgg16/{naming}.safetensors` as `change` leaves them.
fn changed(directory: &Path, naming: &str, change: impl Fn(&mut Tensors<'_>)) -> PathBuf {
    let file = fs::read(golden(&format!("{naming}.safetensors"))).unwrap();
    let tensors = SafeTensors::deserialize(&file).unwrap();
    let mut tensors: Vec<_> = tensors.iter().map(|(name, view)| (name.to_owned(), view)).collect();
    change(&mut tensors);
    let path = directory.join("changed.safetensors");
    fs::write(&path, safetensors::serialize(tensors, None).unwrap()).unwrap();
    path
}

fn tensor<'a, 'data>(tensors: &'a mut [(String, TensorView<'data>)], name: &str) -> &'a mut TensorView<'data> {
    &mut tensors.iter_mut().find(|tensor| tensor.0 == name).unwrap().1
}

fn rename(tensors: &mut [(String, TensorView<'_>)], name: impl Fn(&str) -> String) {
    for tensor in tensors {
        tensor.0 = name(&tensor.0);
    }
}

#[test]
fn other_spellings_of_the_names_are_read() {
    let directory = tempfile::tempdir().unwrap();
    let import = |naming, name: &dyn Fn(&str) -> String| {
        let weights = changed(directory.path(), naming, |tensors| rename(tensors, name));
        import_vgg16(&weights, &directory.path().join("net"), None, true).unwrap();
        check(&load(directory.path(), "net").unwrap());
    };
    import("torchvision", &|name| format!("module.{name}"));
    import("keras", &|name| format!("vgg16/{name}:0"));
    import("keras", &|name| name.replace("/kernel", "/W_1:0").replace("/bias", "/b_1:0"));
}

#[test]
fn what_is_not_a_vgg16_is_refused_and_nothing_is_left() {
    let directory = tempfile::tempdir().unwrap();
    let refused = |naming, reason: &str, change: &dyn Fn(&mut Tensors<'_>)| {
        let weights = changed(directory.path(), naming, change);
        let error = import_vgg16(&weights, &directory.path().join("net"), None, false).unwrap_err();
        assert_eq!(error.code, "invalid_weights", "{error}");
        assert!(error.message.contains(reason) && error.message.contains("changed.safetensors"), "{error}");
    };
    refused("timm", "(missing: `head.fc.bias`)", &|tensors| tensors.retain(|(name, _)| name != "head.fc.bias"));
    refused("torchvision", "(too many: `features.1.running_mean`)", &|tensors| {
        tensors.push(("features.1.running_mean".to_owned(), tensors[0].1.clone()));
    });
    refused("keras", "neither torchvision's, timm's nor Keras' names", &|tensors| {
        rename(tensors, |name| name.replace("block", "stage"));
    });
    refused(
        "torchvision",
        "`features.2.weight` has the shape [3, 3, 3, 3], where VGG16 has [2, 2, 3, 3]",
        &|tensors| {
            *tensor(tensors, "features.2.weight") = tensor(tensors, "features.7.weight").clone();
        },
    );
    refused("keras", "`fc1/kernel` does not fit square feature maps of 5 channels", &|tensors| {
        *tensor(tensors, "fc1/kernel") = tensor(tensors, "fc2/kernel").clone();
    });
    refused("timm", "`features.28.bias` is of type I8: save the weights as float32", &|tensors| {
        *tensor(tensors, "features.28.bias") = TensorView::new(Dtype::I8, vec![5], &[0; 5]).unwrap();
    });
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn files_in_other_formats_are_refused_with_the_way_to_convert_them() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("vgg16.h5");
    for (content, reason) in [
        (&b"\x89HDF\r\n\x1a\n"[..], "it is an HDF5 file"),
        (b"PK\x03\x04", "safetensors.torch.save_file(model.state_dict()"),
        (b"hello", "not a safetensors file"),
        (b"", "not a safetensors file"),
    ] {
        fs::write(&file, content).unwrap();
        let error = import_vgg16(&file, &directory.path().join("net"), None, false).unwrap_err();
        assert!(error.message.contains(reason) && error.message.contains("vgg16.h5"), "{error}");
    }
    assert!(import_vgg16(&directory.path().join("none"), &directory.path().join("net"), None, false).is_err());
}

#[test]
fn a_model_is_imported_on_the_command_line() {
    let directory = tempfile::tempdir().unwrap();
    let models = directory.path().join("models");
    let import = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_glassbox"));
        command.args(["import", "--arch", "vgg16"]).arg(golden("timm.safetensors")).args(arguments);
        let output = command.arg("--models").arg(&models).output().unwrap();
        (output.status.success(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    };
    let (succeeded, said) = import(&[]);
    assert!(succeeded && said.contains("VGG16 named by timm, 7 classes, pictures of 64x64"), "{said}");
    check(&load(&models, "timm").unwrap());
    let (succeeded, said) = import(&[]);
    assert!(!succeeded && said.contains("--force"), "{said}");
    let labels = directory.path().join("labels.txt");
    fs::write(&labels, "a\nb\n").unwrap();
    let labels = labels.to_string_lossy().into_owned();
    let (succeeded, said) = import(&["--labels", &labels, "--force"]);
    assert!(!succeeded && said.contains("7 classes, but there are 2 labels"), "{said}");
    let (succeeded, said) = import(&["--output", &models.join("my net").to_string_lossy()]);
    assert!(!succeeded && said.contains("letters, digits"), "{said}");
}
