// What each technique shows, what it is known to get wrong, and where that is written.

const paper = (name, year, id) => ({ name: `${name}, ${year}`, url: `https://arxiv.org/abs/${id}` });

const SANITY = paper("Adebayo et al., “Sanity Checks for Saliency Maps”", 2018, "1810.03292");
const SIMONYAN = paper("Simonyan et al., “Deep Inside Convolutional Networks”", 2013, "1312.6034");
const ZEILER = paper("Zeiler and Fergus, “Visualizing and Understanding Convolutional Networks”", 2013, "1311.2901");
const SELVARAJU = paper("Selvaraju et al., “Grad-CAM”", 2016, "1610.02391");

/** The techniques in the order of their panels. `shown` ones are there from the start; one that takes long is part of a `job`. */
export const TECHNIQUES = [
  {
    name: "grad-cam",
    title: "Grad-CAM",
    unit: "weighted activation",
    shown: true,
    what: "Where the last feature maps saw the class.",
    pitfall: "It is coarse: a few cells stretched over the picture. Its averaged gradients can also light up places that the network did not use; HiResCAM was made against that.",
    papers: [SELVARAJU, paper("Draelos and Carin, “HiResCAM”", 2020, "2011.08891")],
  },
  {
    name: "saliency",
    title: "Saliency",
    unit: "|∂ logit / ∂ pixel|",
    shown: true,
    what: "How strongly each pixel would move the class’s score.",
    pitfall: "It is grainy, and says what a tiny change would do, not what a pixel contributed: where the evidence is saturated, an important part stays dark.",
    papers: [SIMONYAN],
  },
  {
    name: "guided-backprop",
    title: "Guided backprop",
    unit: "|guided gradient|",
    shown: true,
    what: "A sharper gradient: only positive evidence passes back through each ReLU.",
    pitfall: "It fails sanity checks: it stays much the same when the network’s weights are randomised or another class is asked for. It finds edges more than it explains.",
    papers: [paper("Springenberg et al., “Striving for Simplicity”", 2014, "1412.6806"), SANITY],
  },
  {
    name: "guided-grad-cam",
    title: "Guided Grad-CAM",
    unit: "gradient × CAM",
    shown: true,
    what: "Guided backprop’s detail, where Grad-CAM looks.",
    pitfall: "The place is Grad-CAM’s, the detail is guided backprop’s, and fails the same sanity checks.",
    papers: [SELVARAJU, SANITY],
  },
  {
    name: "occlusion",
    title: "Occlusion",
    unit: "drop in probability",
    shown: true,
    job: true,
    what: "How far the class’s probability falls when a square is covered.",
    pitfall: "A picture with a grey square is one that the network never saw, and the map depends on the square’s size and filling. Evidence that is there twice hides from it.",
    papers: [ZEILER],
  },
  {
    name: "smoothgrad",
    title: "SmoothGrad",
    unit: "mean |∂ logit / ∂ pixel|",
    what: "Saliency, averaged over noisy copies of the picture.",
    pitfall: "It looks better than it is known to be: how much noise is added decides what is left.",
    papers: [paper("Smilkov et al., “SmoothGrad”", 2017, "1706.03825"), SANITY],
  },
  {
    name: "integrated-gradients",
    title: "Integrated gradients",
    unit: "|attribution|",
    what: "What each pixel adds to the score on the way from black to the picture.",
    pitfall: "It depends on where the way begins: from black, dark parts cannot count.",
    papers: [paper("Sundararajan et al., “Axiomatic Attribution”", 2017, "1703.01365")],
  },
  {
    name: "deconvnet",
    title: "DeconvNet",
    unit: "|deconvolved signal|",
    what: "The deconvolutional network’s way back: positive signals only, whatever a unit saw.",
    pitfall: "It hardly depends on the class, and finds edges rather than reasons.",
    papers: [ZEILER, paper("Nie et al., “A Theoretical Explanation for Perplexing Behaviors”", 2018, "1805.07039")],
  },
];

/** What is said of pictures made by activation maximization. */
export const MAXIMIZATION = {
  what: "A picture made from noise, step by step, so that the network answers to it as strongly as can be.",
  pitfall: "It is what excites the network most, not what it usually sees. Regularisers and the seed shape much of it, and such a picture can be called a class with certainty and mean nothing to people.",
  papers: [
    { name: "Erhan et al., “Visualizing Higher-Layer Features of a Deep Network”, 2009" },
    SIMONYAN,
    { name: "Olah et al., “Feature Visualization”, 2017", url: "https://distill.pub/2017/feature-visualization" },
  ],
};

/** What is said of feature maps. */
export const FEATURE_MAPS = {
  what: "What each filter of a layer answers to in this picture.",
  pitfall: "Each map has its own scale: a bright one can be of tiny numbers, so read its bar. That a filter answers to something does not say that the class depends on it.",
  papers: [ZEILER],
};

/** What can be chosen for a technique, with the names that people know. */
export const VARIANTS = {
  "grad-cam": "Grad-CAM",
  "grad-cam-plus-plus": "Grad-CAM++",
  hirescam: "HiResCAM",
  layercam: "LayerCAM",
  "xgrad-cam": "XGrad-CAM",
  eigencam: "EigenCAM",
};
