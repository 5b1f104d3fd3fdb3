"""Whether words of ours ask the customer for something, so that whoever answers did not have to write again."""

import re

_ASKS = re.compile(
    r"\?"
    # Mohon kirim fotonya; boleh kami tahu; silakan balas
    r"|\b(?:mohon|silakan|silahkan|tolong|boleh(?:kah)?|bisa(?:kah)?|bila berkenan)\b[^.!?\n]{0,40}"
    r"\b(?:kirim\w*|balas\w*|membalas|sampaikan|menyampaikan|disampaikan|ceritakan|kabari|lampirkan|sertakan|isi|tahu|"
    r"jelaskan|konfirmasi|hubungi|lanjutkan|unggah)\b"
    r"|\b(?:kirim\w*|balas|sampaikan|ceritakan|kabari|lampirkan|lanjut|konfirmasi) [^.!?\n]{0,60}\b(?:ya|yuk|kami)\b"
    r"|\bkami (?:masih )?(?:perlu|butuh|membutuhkan|memerlukan|menunggu|tunggu)\b"
    # please send; could you tell; we still need
    r"|\b(?:please|could you|can you|would you|may we|kindly)\b[^.!?\n]{0,40}"
    r"\b(?:send|tell|reply|share|write|let us know|confirm|attach|give|provide|contact|have|know|go on|talk)\b"
    r"|\b(?:send|tell|give) us\b|\blet us know (?:if|when|which|what|your)\b"
    r"|\bwe (?:still )?(?:need|await|are waiting for)\b",
    re.IGNORECASE,
)


def asks(sentence: str) -> bool:
    """Whether a sentence asks its reader to answer, send or do something."""
    return _ASKS.search(sentence) is not None
