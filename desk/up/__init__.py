"""`tanggap up`: the whole house on one machine. `desk.up.house.up` is the way in.

This file stays empty of imports: every flow run starts through `desk.up.leash`, and pays for what is imported here.
"""
