"""Build of the compiled core; everything else is in pyproject.toml."""

from Cython.Build import cythonize
from setuptools import Extension, setup

C_FLAGS = ["-std=c11", "-O3", "-Wall", "-Wextra"]

setup(
    ext_modules=cythonize(
        Extension(
            "dynamicrypt._core",
            ["ext/_core.pyx"],
            include_dirs=["ext"],
            extra_compile_args=C_FLAGS,
        ),
        build_dir="build/cython",
        language_level=3,
    )
)
