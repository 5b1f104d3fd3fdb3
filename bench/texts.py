"""Writes synthetic records: complaints, questions, praise and chat, in Indonesian and English, every text another one.

Drawn from a seed, so that each variant of a comparison works on the very same input. Nobody in them exists.
"""

import json
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

COMPLAINTS = (
    "{hi} paket saya {order} belum sampai padahal sudah {days} hari, kurirnya {rude}. {please}",
    "{hi} barang yang datang rusak, {thing} pecah dan tidak sesuai foto. Saya minta {want}. {please}",
    "{hi} saldo saya terpotong {money} dua kali untuk pesanan {order}, sampai sekarang blm dikembalikan. {please}",
    "{hi} sudah {days} kali telepon CS tidak ada yang angkat, pelayanannya lambat bgt. {please}",
    "{hi} aplikasinya error terus sejak {days} jam yang lalu, tidak bisa login dan tidak bisa bayar. {please}",
    "{hi} {thing} yang saya beli di {city} mati setelah {days} hari dipakai, gk bisa nyala sama sekali. {please}",
    "Kecewa banget sama layanan kalian, {thing} pesanan {order} salah kirim dan admin {rude}. {please}",
    "{hi} teknisi dijanjikan datang ke {city} {days} hari lalu tapi tidak ada kabar. {please}",
    "Hello, my order {order} has not arrived after {days} days and nobody answers. I want {want_en}. {please_en}",
    "The {thing_en} I received in {city} is broken and looks nothing like the photo. I want {want_en}. {please_en}",
    "I was charged {money} twice for order {order} and still have no refund after {days} days. {please_en}",
    "Your app has been down for {days} hours, I can't log in or pay. This is terrible service. {please_en}",
)
GRAVE = (
    "{hi} anak saya keracunan setelah minum {thing} dari toko {city}, sekarang dirawat di rumah sakit. {please}",
    "Kalau {money} saya tidak kembali dalam {days} hari, pengacara saya akan menggugat kalian. {please}",
    "Akun saya dibobol orang, saldo {money} hilang, ini penipuan. Saya lapor OJK. {please}",
)
QUESTIONS = (
    "{hi} mau tanya, toko di {city} buka jam berapa ya hari Minggu?",
    "{hi} apakah {thing} masih ada stok ukuran besar? Bisa dikirim ke {city}?",
    "{hi} gimana caranya ganti alamat pengiriman untuk pesanan {order}?",
    "Hi, how long does shipping to {city} take, and can I pay on delivery?",
    "Do you have the {thing_en} in another colour? Which shop in {city} has it?",
)
PRAISE = (
    "Terima kasih, {thing} sudah sampai di {city} dengan cepat, kualitasnya bagus sekali. Mantap!",
    "Makasih ya min, pelayanannya ramah banget, {thing} pesanan {order} memuaskan.",
    "Thank you, the {thing_en} arrived in {days} days and works perfectly. Great service!",
)
CHAT = (
    "Selamat pagi semuanya, hari ini {city} hujan deras, hati-hati di jalan ya.",
    "Lagi nonton bola di {city} bareng teman kantor, seru, skor {days} sama.",
    "Watching the sunset in {city} with friends, day {days} of the trip.",
)
MIX = ((COMPLAINTS, 68), (GRAVE, 2), (QUESTIONS, 15), (PRAISE, 8), (CHAT, 7))
"""Of a hundred records."""

SLOTS = {
    "hi": ("Halo min,", "Kak,", "Selamat siang,", "Min tolong,", "Permisi admin,", "Assalamualaikum,"),
    "rude": ("jutek", "tidak bisa dihubungi", "kasar", "cuma bilang sabar", "gk bales chat"),
    "please": ("Tolong segera dicek ya.", "Mohon bantuannya.", "Kapan selesai?", "Saya tunggu kabarnya.", "Tolong!"),
    "please_en": ("Please look into it.", "When will this be solved?", "Please answer.", "I am waiting for a reply."),
    "want": ("uang kembali", "ganti baru", "penjelasan", "diperbaiki"),
    "want_en": ("my money back", "a replacement", "an explanation", "it repaired"),
    "thing": ("blender", "kipas angin", "sepatu", "rice cooker", "headset", "koper", "teh botol", "meja lipat"),
    "thing_en": ("blender", "fan", "pair of shoes", "rice cooker", "headset", "suitcase", "folding table"),
    "city": ("Bandung", "Surabaya", "Medan", "Makassar", "Depok", "Semarang", "Malang", "Denpasar", "Palembang"),
}
FIRST = ("Ayu", "Budi", "Citra", "Dian", "Eko", "Fitri", "Gilang", "Hana", "Indra", "Joko", "Kartika", "Lukman")
CHANNELS = {"file": 55, "web": 35, "instagram": 10}
"""Of a hundred; on `instagram` a person posts, so nothing is acknowledged there by a program."""


def records(count: int, now: datetime, seed: int = 1) -> Iterator[dict[str, Any]]:
    """So many records as `tanggap import` takes them, posted within the last hour; each author writes once."""
    draw = random.Random(seed)
    for number in range(count):
        channel = draw.choices(list(CHANNELS), list(CHANNELS.values()))[0]
        pattern = draw.choice(draw.choices([texts for texts, _ in MIX], [share for _, share in MIX])[0])
        name = f"{draw.choice(FIRST)} {draw.choice(FIRST)}"
        at = now - timedelta(seconds=draw.uniform(0, 3600))
        yield {
            "channel": channel,
            "external_id": f"bench-{seed}-{number}",
            "text": pattern.format(**_slots(draw, number)),
            "posted_at": at.isoformat(timespec="seconds"),
            "author": {"id": f"u{seed}-{number}", "handle": f"user{number}", "name": name, "followers": number % 900},
            "visibility": "private" if channel == "web" and number % 3 else "public",
            "metrics": {"views": draw.randrange(0, 1500), "likes": draw.randrange(0, 40)},
        }


def lines(count: int, now: datetime, seed: int = 1) -> Iterator[bytes]:
    """The same as JSON lines."""
    for record in records(count, now, seed):
        yield json.dumps(record, ensure_ascii=False).encode() + b"\n"


def _slots(draw: random.Random, number: int) -> dict[str, str]:
    slots = {name: draw.choice(words) for name, words in SLOTS.items()}
    money = f"Rp{draw.randrange(20, 990)}.{draw.randrange(1000):03}"
    return {**slots, "order": f"ORD-{700000 + number}", "days": str(draw.randrange(2, 15)), "money": money}
