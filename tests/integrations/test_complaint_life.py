from factories import Life
def test_a(desk, clock):
    life = Life(desk, clock)
    ref = life.resolved()
    life.later(hours=12); life.work()
    print(life.names(ref))
def test_b(desk, clock):
    life = Life(desk, clock)
    ref = life.resolved()
