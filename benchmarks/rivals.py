"""The classifiers that our users train by hand, on the very text and vectors that aisle sees."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import HashingVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.svm import LinearSVC

Scores = npt.NDArray[np.float64]
Texts = Sequence[str]
Vectors = npt.NDArray[np.float32]
Inputs = tuple[Texts, Vectors]

CAP = 4_000_000
"""Training products times categories from which the slow rivals are left out: they would take hours."""
SLOW = {"n-grams + SGD (as fastText)", "MiniLM + MLP", "MiniLM + random forest", "MiniLM + logistic regression"}


def tfidf_svm(train: Inputs, labels: npt.NDArray[np.int64], test: Inputs) -> tuple[Any, Scores]:
    """Linear SVM on sparse TF-IDF of words and pairs, C = 1."""
    vectorizer = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2))
    model = LinearSVC().fit(vectorizer.fit_transform(train[0]), labels)
    return model.classes_, model.decision_function(vectorizer.transform(test[0]))


def ngrams_sgd(train: Inputs, labels: npt.NDArray[np.int64], test: Inputs) -> tuple[Any, Scores]:
    """Hashed words, pairs and character n-grams under one linear layer, as fastText has them, by scikit-learn's SGD."""
    hashed = [
        HashingVectorizer(n_features=2**20, ngram_range=(1, 2), alternate_sign=False),
        HashingVectorizer(n_features=2**20, analyzer="char_wb", ngram_range=(3, 5), alternate_sign=False),
    ]
    from scipy.sparse import hstack

    rows = [hstack([each.transform(texts) for each in hashed]).tocsr() for texts in (train[0], test[0])]
    model = SGDClassifier(loss="log_loss", alpha=1e-6, max_iter=20, random_state=0).fit(rows[0], labels)
    return model.classes_, model.decision_function(rows[1])


def _dense(model: Any) -> Callable[[Inputs, npt.NDArray[np.int64], Inputs], tuple[Any, Scores]]:
    def run(train: Inputs, labels: npt.NDArray[np.int64], test: Inputs) -> tuple[Any, Scores]:
        fitted = model.fit(train[1], labels)
        return fitted.classes_, fitted.predict_proba(test[1])

    return run


RIVALS: dict[str, Callable[[Inputs, npt.NDArray[np.int64], Inputs], tuple[Any, Scores]]] = {
    "TF-IDF + linear SVM": tfidf_svm,
    "n-grams + SGD (as fastText)": ngrams_sgd,
    "MiniLM + KNN": _dense(KNeighborsClassifier(10, weights="distance", metric="cosine")),
    "MiniLM + logistic regression": _dense(LogisticRegression(C=30, max_iter=300)),
    "MiniLM + MLP": _dense(MLPClassifier((256,), early_stopping=True, max_iter=60, random_state=0)),
    "MiniLM + random forest": _dense(RandomForestClassifier(200, n_jobs=2, random_state=0, max_depth=40)),
}


def ranked(name: str, train: Inputs, labels: npt.NDArray[np.int64], test: Inputs) -> npt.NDArray[np.int64]:
    """Return the three likeliest categories of each test product: int64 (n, 3), repeated where there are fewer."""
    classes, scores = RIVALS[name](train, labels, test)
    if scores.ndim == 1:
        scores = np.stack([-scores, scores], axis=1)
    order = np.argsort(-scores, axis=1)[:, :3]
    best: npt.NDArray[np.int64] = np.asarray(classes)[order]
    return best[:, np.minimum(np.arange(3), best.shape[1] - 1)]
