"""Who may do what with the register."""

from gerai.chassis.routes import Permission

READ_REGISTER = Permission.to(
    "read_register", "registrar", "supervisor", "officer", "kiosk", "display", "operator"
)
CHANGE_REGISTER = Permission.to("change_register", "registrar")
