import pytest

from ptychoscope import _core


@pytest.fixture(params=_core.available_isas())
def isa(request, monkeypatch):
    monkeypatch.setenv("PTYCHOSCOPE_ISA", request.param)
    return request.param
