"""f = (x + y) z at (-2, 5, -4), and a point of its own by the product rule."""


def test_the_numbers_of_the_lecture(example):
    found = example("gradients_by_hand").gradients(-2.0, 5.0, -4.0)
    assert found == {"f": -12.0, "q": 3.0, "df/dx": -4.0, "df/dy": -4.0, "df/dz": 3.0, "df/dq": -4.0}


def test_another_point(example):
    found = example("gradients_by_hand").gradients(1.5, 0.5, 8.0)
    assert found == {"f": 16.0, "q": 2.0, "df/dx": 8.0, "df/dy": 8.0, "df/dz": 2.0, "df/dq": 8.0}


def test_what_it_prints(example, run):
    lines = run(example("gradients_by_hand")).splitlines()
    assert [line.split() for line in lines] == [
        ["f", "=", "-12"],
        ["q", "=", "3"],
        ["df/dx", "=", "-4"],
        ["df/dy", "=", "-4"],
        ["df/dz", "=", "3"],
        ["df/dq", "=", "-4"],
    ]
