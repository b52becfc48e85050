"""What GET /metrics tells: numbers in the text form of Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from lexiseg.web.service import SegmentationService

SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


class ServiceMeasures:
    """Counts of one service."""

    def __init__(self, service: SegmentationService) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "lexiseg_requests", "Requests.", ("route", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "lexiseg_request_seconds",
            "From the arrival of a request to its answer.",
            ("route",),
            buckets=SECONDS,
            registry=self._registry,
        )
        worker, store = service.worker, service.store
        numbers = {
            "lexiseg_jobs": ("Jobs that wait or are computed.", lambda: worker.waiting),
            "lexiseg_pictures": ("Pictures that are kept.", lambda: len(store)),
            "lexiseg_picture_bytes": ("Bytes that they take.", lambda: store.size),
        }
        for name, (text, number) in numbers.items():
            Gauge(name, text, registry=self._registry).set_function(number)

    def count(self, route: str, status: int, seconds: float) -> None:
        """Note an answered request."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def text(self) -> bytes:
        """All of them."""
        return generate_latest(self._registry)
