from gpunn.kernels.settings import MODES, Settings, settings


def test_the_shared_settings_are_at_their_start():
    assert settings == Settings()
    assert Settings().tuning == MODES[0]
