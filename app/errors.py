"""Every error that a client can get, as one tree.

PasticheError                      500 internal-error
├── RequestError                   400 bad-request
│   ├── InvalidOption              422 invalid-option
│   │   ├── UnknownStyle           422 unknown-style
│   │   │   └── UnknownStyleImage  422 unknown-style-image
│   │   └── NoStyleEncoder         422 no-style-encoder
│   ├── NotAcceptable              406 not-acceptable
│   ├── MalformedBody              400 malformed-body
│   ├── BodyTooLarge               413 body-too-large
│   ├── EmptyBody                  400 empty-body
│   ├── HeadersTooLarge            431 headers-too-large
│   ├── RequestTimeout             408 request-timeout
│   ├── RangeNotSatisfiable        416 range-not-satisfiable
│   ├── UnsupportedCoding          415 unsupported-coding
│   ├── UpgradeRequired            426 upgrade-required
│   ├── Unauthorized               401 unauthorized
│   ├── Forbidden                  403 forbidden
│   ├── NotFound                   404 not-found
│   ├── MethodNotAllowed           405 method-not-allowed
│   ├── IdempotencyConflict        409 idempotency-conflict
│   ├── StyleExists                409 style-exists
│   ├── StyleInUse                 409 style-in-use
│   ├── VersionRefused             409 version-refused
│   ├── TrainingFailed             422 training-failed
│   ├── NoResult                   409 no-result
│   ├── ResultExpired              410 result-expired
│   ├── TooManyRequests            429 too-many-requests    Retry-After
│   ├── TooManyJobs                429 too-many-jobs        Retry-After
│   ├── TooManyStyleImages         429 too-many-style-images
│   ├── PictureError               422 broken-picture
│   │   ├── UnsupportedPicture     415 unsupported-picture
│   │   ├── AnimatedPicture        415 animated-picture
│   │   └── PictureTooLarge        413 picture-too-large
│   └── VideoError                 422 broken-video
│       ├── UnsupportedVideo       415 unsupported-video
│       └── VideoTooLarge          413 video-too-large
└── ServiceError                   503 unavailable
    ├── Overloaded                 503 overloaded           Retry-After
    ├── DeadlineExceeded           504 deadline-exceeded
    ├── EngineFailed               500 engine-failed
    ├── OutOfMemory                503 out-of-memory        Retry-After
    ├── ModelUnavailable           503 model-unavailable
    ├── LedgerUnavailable          503 ledger-unavailable   Retry-After
    ├── StorageUnavailable         503 storage-unavailable  Retry-After
    ├── DescriptorUnavailable      503 descriptor-unavailable
    ├── PhotosUnavailable          503 photos-unavailable
    ├── PictureDamaged             500 picture-damaged
    ├── InputLost                  500 input-lost
    └── WorkerLost                 500 worker-lost

Each class carries the status, the `type` slug and the title of its RFC 9457 problem. The message given when one is
raised is the public `detail`: a sentence for the client, without paths, tensor shapes or tracebacks of ours. What only
the log may know goes into `private`.
"""

from __future__ import annotations

from typing import Any, ClassVar


class PasticheError(Exception):
    """An internal error; the service's log has the details, by request id."""

    # `detail` is public, `private` is for the log, `extra` has further members of the problem.

    status: ClassVar[int] = 500
    slug: ClassVar[str] = "internal-error"
    title: ClassVar[str] = "Something went wrong on our side"

    def __init__(
        self,
        detail: str | None = None,
        *,
        private: str | None = None,
        retry_after_seconds: int | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or f"{self.title}."
        self.private = private
        self.retry_after_seconds = retry_after_seconds
        self.extra = extra


class RequestError(PasticheError):
    """The request is wrong; it will fail again if it is repeated unchanged."""

    status = 400
    slug = "bad-request"
    title = "Bad request"


class InvalidOption(RequestError):
    """An option is unknown, missing, out of range, or in conflict with another one."""

    status = 422
    slug = "invalid-option"
    title = "Invalid option"


class UnknownStyle(InvalidOption):
    """The model has no such style; `nearest` lists those with a similar name."""

    slug = "unknown-style"
    title = "Unknown style"


class UnknownStyleImage(UnknownStyle):
    """None of your style images has this handle: it has expired, was deleted, or was sent with another key."""

    slug = "unknown-style-image"
    title = "Unknown style image"


class NoStyleEncoder(InvalidOption):
    """The model has no style encoder, so it has its own styles only."""

    slug = "no-style-encoder"
    title = "No style encoder"


class NotAcceptable(RequestError):
    """`Accept` allows no image format that this service writes."""

    status = 406
    slug = "not-acceptable"
    title = "No acceptable picture format"


class MalformedBody(RequestError):
    """The multipart body cannot be parsed, or lacks the image."""

    slug = "malformed-body"
    title = "Malformed body"


class BodyTooLarge(RequestError):
    """The body has more bytes than the limit."""

    status = 413
    slug = "body-too-large"
    title = "Body too large"


class EmptyBody(RequestError):
    """There are no bytes where an image was expected."""

    slug = "empty-body"
    title = "Empty body"


class HeadersTooLarge(RequestError):
    """The request has more headers, or longer ones, than the limit."""

    status = 431
    slug = "headers-too-large"
    title = "Request headers too large"


class RequestTimeout(RequestError):
    """The request arrived too slowly."""

    status = 408
    slug = "request-timeout"
    title = "Request timeout"


class Unauthorized(RequestError):
    """The API key, or for admin routes the operator's token, is missing or wrong."""

    status = 401
    slug = "unauthorized"
    title = "Unauthorized"


class Forbidden(RequestError):
    """This is not allowed with any API key: without keys, only the operator may list jobs."""

    status = 403
    slug = "forbidden"
    title = "Forbidden"


class NotFound(RequestError):
    """There is no such route, style, model or job."""

    status = 404
    slug = "not-found"
    title = "Not found"


class MethodNotAllowed(RequestError):
    """The route exists, with other methods."""

    status = 405
    slug = "method-not-allowed"
    title = "Method not allowed"


class IdempotencyConflict(RequestError):
    """The `Idempotency-Key` was used before with a different request."""

    status = 409
    slug = "idempotency-conflict"
    title = "Idempotency key used before"


class StyleExists(RequestError):
    """A style image or the model already has a style with this id."""

    status = 409
    slug = "style-exists"
    title = "Style exists"


class StyleInUse(RequestError):
    """A training or a model version uses the style image, so it cannot be deleted."""

    status = 409
    slug = "style-in-use"
    title = "Style in use"


class VersionRefused(RequestError):
    """The model version cannot be activated: it is a candidate or broken. `reasons` says why."""

    status = 409
    slug = "version-refused"
    title = "Version refused"


class TrainingFailed(RequestError):
    """The training cannot succeed: its options conflict, or its losses became infinite."""

    status = 422
    slug = "training-failed"
    title = "Training failed"


class NoResult(RequestError):
    """The job does not have this image yet, or ended without one."""

    status = 409
    slug = "no-result"
    title = "No result"


class ResultExpired(RequestError):
    """The images of the job have expired and were deleted."""

    status = 410
    slug = "result-expired"
    title = "Result expired"


class TooManyRequests(RequestError):
    """Too many jobs or style images per minute for one principal, too many live sessions of it, or too many requests
    without a valid key; retry after `Retry-After` seconds."""

    status = 429
    slug = "too-many-requests"
    title = "Too many requests"


class TooManyJobs(RequestError):
    """The limit of queued jobs is reached, for this principal or in total; retry after `Retry-After` seconds."""

    status = 429
    slug = "too-many-jobs"
    title = "Too many waiting jobs"


class TooManyStyleImages(RequestError):
    """The limit of stored style images is reached, for this principal or in total."""

    status = 429
    slug = "too-many-style-images"
    title = "Too many style images"


class PictureError(RequestError):
    """The image is damaged or cut off."""

    status = 422
    slug = "broken-picture"
    title = "Broken picture"


class UnsupportedPicture(PictureError):
    """The bytes are not an image in a supported format."""

    status = 415
    slug = "unsupported-picture"
    title = "Unsupported picture format"


class RangeNotSatisfiable(RequestError):
    """`Range` asks for bytes behind the end of the file, whose `size` in bytes is a member."""

    status = 416
    slug = "range-not-satisfiable"
    title = "Range not satisfiable"


class UnsupportedCoding(RequestError):
    """The `Content-Encoding` of the body is not supported."""

    status = 415
    slug = "unsupported-coding"
    title = "Unsupported content coding"


class UpgradeRequired(RequestError):
    """The route is a WebSocket."""

    status = 426
    slug = "upgrade-required"
    title = "Upgrade required"


class AnimatedPicture(PictureError):
    """The image has more than one frame."""

    status = 415
    slug = "animated-picture"
    title = "Animated picture"


class PictureTooLarge(PictureError):
    """The header declares more pixels than the limit."""

    status = 413
    slug = "picture-too-large"
    title = "Picture too large"


class VideoError(RequestError):
    """The bytes start like a clip but cannot be read as one: it is damaged, cut off or empty."""

    status = 422
    slug = "broken-video"
    title = "Broken clip"


class UnsupportedVideo(VideoError):
    """The bytes are not a clip of an allowed format, or it is coded in a way that is not read."""

    status = 415
    slug = "unsupported-video"
    title = "Unsupported clip format"


class VideoTooLarge(VideoError):
    """The clip has more bytes, seconds, frames or pixels than the limit."""

    status = 413
    slug = "video-too-large"
    title = "Clip too large"


class ServiceError(PasticheError):
    """The service cannot answer; the same request may succeed later."""

    status = 503
    slug = "unavailable"
    title = "Service unavailable"


class Overloaded(ServiceError):
    """The queue of the network, or of decoding and encoding, is full or too slow for the deadline; retry after
    `Retry-After` seconds."""

    slug = "overloaded"
    title = "Overloaded"


class DeadlineExceeded(ServiceError):
    """The request was not finished before its deadline."""

    status = 504
    slug = "deadline-exceeded"
    title = "Deadline exceeded"


class EngineFailed(ServiceError):
    """The network failed on this image."""

    status = 500
    slug = "engine-failed"
    title = "Engine failed"


class OutOfMemory(ServiceError):
    """The image does not fit into the free memory, even by itself; retry after `Retry-After` seconds."""

    slug = "out-of-memory"
    title = "Out of memory"


class ModelUnavailable(ServiceError):
    """No model is loaded and warmed up yet, or the service is stopping."""

    slug = "model-unavailable"
    title = "Model unavailable"


class LedgerUnavailable(ServiceError):
    """The database of the jobs cannot be reached; retry after `Retry-After` seconds."""

    slug = "ledger-unavailable"
    title = "Job ledger unavailable"


class StorageUnavailable(ServiceError):
    """Files of jobs cannot be written or read; retry after `Retry-After` seconds."""

    slug = "storage-unavailable"
    title = "Storage unavailable"


class DescriptorUnavailable(ServiceError):
    """There is no usable loss network, so no image can be optimised."""

    slug = "descriptor-unavailable"
    title = "Descriptor unavailable"


class PhotosUnavailable(ServiceError):
    """The folder of training photos cannot be read, or has too few usable ones."""

    slug = "photos-unavailable"
    title = "Photos unavailable"


class PictureDamaged(ServiceError):
    """A stored image was truncated or overwritten."""

    status = 500
    slug = "picture-damaged"
    title = "Picture damaged"


class InputLost(ServiceError):
    """The job failed because its images were deleted from the storage, or have changed there."""

    status = 500
    slug = "input-lost"
    title = "Input lost"


class WorkerLost(ServiceError):
    """Every attempt of the job killed or hung its worker."""

    status = 500
    slug = "worker-lost"
    title = "Worker lost"
