"""What a session keeps off the console."""

import logging

from landuse.engine import session


def test_ctrl_c_in_a_call_of_java_leaves_no_trace_on_the_console(caplog):
    logging.getLogger().addFilter(session._no_interrupt)
    try:
        logging.error("KeyboardInterrupt while sending command.")
        logging.error("Exception while sending command.")
    finally:
        logging.getLogger().removeFilter(session._no_interrupt)
    assert caplog.messages == ["Exception while sending command."]
