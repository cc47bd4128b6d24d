// Making storage, and attaching again what lies at a place already.
import type { World } from "@/actions/action";
import { call, start } from "@/api/rpc";
import { resultRef, waitForTask } from "@/store/taskWatch";
import { deviceConfig, isShared, type Kind } from "./kinds";

export interface NewSr {
  kind: Kind;
  location: string;
  name: string;
}

/** Makes an empty repository; answers its reference. */
export async function createSr(world: World, { kind, location, name }: NewSr): Promise<string | undefined> {
  const content = kind === "iso" ? "iso" : "user";
  const task = await start("SR.create", world.pool?.master ?? "", deviceConfig(kind, location), 0, name, "", kind, content, isShared(kind), {});
  return resultRef(await waitForTask(world.client, task));
}

/** Attaches a repository that lies there, with its disks. What was begun and fails is forgotten again. */
export async function introduceSr(world: World, { kind, location, name }: NewSr, uuid: string): Promise<string> {
  const sr = await call("SR.introduce", uuid, name, "", kind, "user", isShared(kind), {});
  const made: string[] = [];
  try {
    const hosts = isShared(kind) ? world.all("host").map((host) => host.$ref) : [world.pool?.master ?? ""];
    for (const host of hosts) {
      const pbd = await call("PBD.create", { host, SR: sr, device_config: deviceConfig(kind, location), other_config: {} });
      made.push(pbd);
      await waitForTask(world.client, await start("PBD.plug", pbd));
    }
    await waitForTask(world.client, await start("SR.scan", sr));
  } catch (error) {
    await forget(world, sr, made);
    throw error;
  }
  return sr;
}

async function forget(world: World, sr: string, pbds: readonly string[]): Promise<void> {
  try {
    for (const pbd of pbds) await waitForTask(world.client, await start("PBD.unplug", pbd));
    await waitForTask(world.client, await start("SR.forget", sr));
  } catch {
    // The first error is the one that matters; what is left over is seen in the tree.
  }
}
