# The client of PID 1 against a real one: the unit tests that are skipped elsewhere.

test_manager_talks_to_pid_1() {
    GANTRY_BED=1 /src/build/tests/unit/systemd/test_systemd
}
