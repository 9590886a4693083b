"""The bandwidth of one subscriber's downlink. See below."""

from server.media.bandwidth.estimator import BandwidthEstimator
from server.media.bandwidth.probe import Probe

__all__ = ["BandwidthEstimator", "Probe"]
