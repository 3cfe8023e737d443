"""What the report says to the learner: the words between its numbers and pictures. All of it is HTML."""

RUNGS = {
    "numpy_impl": ("rung 1, NumPy by hand", "numpy_impl/vae_numpy.py"),
    "pytorch_lowlevel": ("rung 2, torch tensors", "pytorch_lowlevel/vae_lowlevel.py"),
    "paper": ("rung 3, nn.Module", "paper/vae_paper.py"),
}

HOW_TO_READ = (
    "Losses are in nats per image, on test images that no rung was trained on: <i>loss = reconstruction + β · KL</i>, "
    "lower is better, and with β = 1 it is the negative evidence lower bound (ELBO). Reconstruction says how badly an "
    "image is rebuilt from its latents; KL is what the latents cost, the distance that q(z|x) moves from the prior."
)
GREY_PIXELS = (
    " On grey images the Bernoulli loss is a convention, not a log-likelihood: compare it only with itself, on the "
    "same data."
)

# For each kind of picture: a title, what to look for, and the beginning of its text alternative.
PICTURES = {
    "reconstructions": (
        "Reconstructions",
        "Every image is squeezed into its latents μ and decoded again. What they cannot hold is gone: find an image "
        "that comes back blurred, straightened, or as another class. Blur is what a likelihood asks for that scores "
        "each pixel alone: where the decoder is unsure, it draws the mean.",
        "Test images in rows, each row above its reconstructions",
    ),
    "samples": (
        "Samples from the prior",
        "No image goes in: z is drawn from N(0, I) and decoded. Count the tiles that you can read. The others "
        "come from between the classes, where the prior sends draws but training seldom sent images.",
        "A grid of 100 decoded draws from the prior",
    ),
    "interpolation": (
        "Interpolation",
        "A straight line in latent space from one test image to another. Look for steps that are images in their own "
        "right, not one picture fading over the other: this is what a smooth latent space buys.",
        "Rows of decoded images that lead from one test image to another",
    ),
    "latent_space": (
        "Latent space",
        "Where the encoder puts the test images. It never saw a label; the colours are added afterwards. Look for "
        "classes on top of each other (the reconstructions mix those up), and for how the KL keeps all points near the "
        "circles of the prior.",
        "Scatter plot of the latent means of the test images, coloured by class",
    ),
    "manifold": (
        "The manifold",
        "The same plane, decoded point by point; each tile has an equal share of the prior. Find the regions of the "
        "latent space above, and walk across their borders.",
        "A 20 by 20 grid of images decoded from evenly spread points of the latent plane",
    ),
}

LEARNING_CURVES = {
    "many": (
        "<p>Test loss after each epoch, with its two parts. The rungs share their first weights, the order of the "
        "batches and the noise, so that the lines lie on one another; they are drawn thinner and thinner to "
        "let you see all of them.</p>"
        "<p>Watch the two parts trade: KL rises while the decoder learns to use the latents, and "
        "reconstruction falls by more than that costs.</p>"
        "<p>The last panel asks how far the losses lie apart. Training is in float32, where sums taken "
        "in another order round differently. Training feeds each rounding into all later steps, so the distance grows; "
        "it says nothing about the rungs’ mathematics, which parity proves in float64.</p>"
    ),
    "one": (
        "<p>Test loss after each epoch, with its two parts. Watch them trade: KL rises while the decoder learns "
        "to use the latents, and reconstruction falls by more than that costs.</p>"
    ),
}

PARITY = (
    "The proof, in double precision: same parameters, same images, same noise for every rung. First one forward and "
    "backward pass, every tensor by name; then a short training, in which optimisers must agree too. An error is "
    "relative to the largest entry of its tensor. Correct rungs differ only by the order in which they add, some "
    "10<sup>−15</sup> in one pass; a wrong formula would stand out by many powers of ten. Agreement is not "
    "correctness, since one mistake can be made three times: numeric gradients, by <code>vae-ladder gradcheck</code>, "
    "are the other half of the proof."
)

NEXT = (
    (
        "Rung 1: NumPy by hand",
        RUNGS["numpy_impl"][1],
        "Every operation and its derivative. Read <code>backward</code> next to <code>forward</code>: it is the "
        "same story told from its end.",
    ),
    (
        "Rung 2: torch tensors",
        RUNGS["pytorch_lowlevel"][1],
        "The forward pass word for word, on tensors. Autograd writes the half of the file that has gone.",
    ),
    (
        "Rung 3: nn.Module",
        RUNGS["paper"][1],
        "As papers write it. The layers now own their parameters; the names have stayed the same.",
    ),
)

COMMANDS = (
    ("vae-ladder gradcheck", "Rung 1’s derivatives against numeric ones, each operation and each parameter."),
    ("vae-ladder parity --latent-dim 7 --batch-size 3", "The proof above, for an architecture of your choice."),
    ("vae-ladder train numpy_impl --beta 4", "A β-VAE: what do latent space and samples gain and lose?"),
    ("vae-ladder climb --latent-dim 20", "More room in the latents: how much better do the images come back?"),
)
