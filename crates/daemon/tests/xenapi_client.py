"""What scripts of the last fifteen years do, with the library that they use."""

import ssl
import sys
import threading
import time

import XenAPI

url, password = sys.argv[1:3]
ssl._create_default_https_context = ssl._create_unverified_context

try:
    XenAPI.Session(url, ignore_ssl=True).login_with_password("root", "wrong", "1.0", "test")
    raise SystemExit("a wrong password was accepted")
except XenAPI.Failure as failure:
    assert failure.details[0] == "SESSION_AUTHENTICATION_FAILED", failure.details

session = XenAPI.Session(url, ignore_ssl=True)
session.login_with_password("root", password, "1.0", "test")
api = session.xenapi

pool = api.pool.get_all()[0]
master = api.pool.get_master(pool)
record = api.host.get_record(master)
assert record["software_version"]["xapi"], record["software_version"]
assert record["enabled"] is True
assert isinstance(record["API_version_major"], str), "whole numbers travel as text"

vms = api.VM.get_all_records_where('field "name__label" = "web1"')
assert len(vms) == 1, vms
(vm, row), = vms.items()
assert row["power_state"] == "Halted"

call = getattr(api.event, "from")
token = call(["vm"], "", 0.0)["token"]
seen = []


def watch():
    other = XenAPI.Session(url, ignore_ssl=True)
    other.login_with_password("root", password, "1.0", "test")
    until, at = time.time() + 20, token
    while time.time() < until:
        batch = getattr(other.xenapi.event, "from")(["vm"], at, 5.0)
        at = batch["token"]
        for event in batch["events"]:
            seen.append(event["snapshot"]["power_state"])
        if "Running" in seen:
            return


watcher = threading.Thread(target=watch)
watcher.start()
api.VM.start(vm, False, True)
assert api.VM.get_power_state(vm) == "Running"
watcher.join(30)
assert "Running" in seen, seen

try:
    api.VM.start(vm, False, False)
    raise SystemExit("a running VM was started")
except XenAPI.Failure as failure:
    assert failure.details[0] == "VM_BAD_POWER_STATE", failure.details

task = api.Async.VM.hard_shutdown(vm)
while api.task.get_status(task) == "pending":
    time.sleep(0.1)
assert api.task.get_status(task) == "success", api.task.get_error_info(task)
api.task.destroy(task)
assert api.VM.get_power_state(vm) == "Halted"
api.VM.add_to_other_config(vm, "note", "<a & b>")
assert api.VM.get_other_config(vm)["note"] == "<a & b>"
session.logout()
print("all good")
