"""Marks a wheel that has the library and the program inside as one for this kind of machine, and for every Python 3."""

import pathlib

from setuptools import Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel

has_binaries = (pathlib.Path(__file__).parent / "src/jamba_edge/lib").exists()


class Wheel(bdist_wheel):
    def get_tag(self):
        tag = super().get_tag()
        return ("py3", "none", tag[2]) if has_binaries else tag


class Binaries(Distribution):
    def has_ext_modules(self):
        return has_binaries


setup(cmdclass={"bdist_wheel": Wheel}, distclass=Binaries)
