"""Prints the folders, joined by ':', that hold the real ONNX files the tests read."""

import os

import onnx

print(os.path.join(os.path.dirname(onnx.__file__), "backend", "test", "data", "light"))
