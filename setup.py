"""Build of the compiled core; everything else is in pyproject.toml."""

from glob import glob

from Cython.Build import cythonize
from setuptools import Extension, setup

setup(
    ext_modules=cythonize(
        Extension(
            "dynamicrypt._core",
            ["ext/_core.pyx", *sorted(glob("ext/*.c"))],
            include_dirs=["ext"],
            depends=glob("ext/*.[hp]*"),
            extra_compile_args=["-std=c11", "-O3", "-Wall", "-Wextra"],
        ),
        build_dir="build/cython",
    )
)
