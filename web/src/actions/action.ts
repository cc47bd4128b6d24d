// What can be done with an object: declared once, and shown in menus, lists, the palette and the
// keyboard alike. Every action has its line of the command line.
import type { QueryClient } from "@tanstack/react-query";
import type { ComponentType } from "react";
import type { ClassName, Ref } from "@/generated/xenapi";
import { isRef } from "@/api/rpc";
import type { Args } from "@/i18n/language";
import type { Item } from "@/store/hooks";
import { tableOf } from "@/store/tables";

/** The pool's objects, for deciding whether an action is possible. */
export class World {
  constructor(readonly client: QueryClient) {}

  get<C extends ClassName>(name: C, ref: string | undefined): Item<C> | undefined {
    return isRef(ref) ? tableOf(this.client, name).byRef.get(ref) : undefined;
  }

  all<C extends ClassName>(name: C): Array<Item<C>> {
    return [...tableOf(this.client, name).byRef.values()];
  }

  get pool(): Item<"pool"> | undefined {
    return this.all("pool")[0];
  }
}

/** A text of the catalogue with its arguments: why something cannot be done. */
export interface Reason {
  id: string;
  args?: Args;
}

export interface DialogProps<C extends ClassName> {
  targets: ReadonlyArray<Item<C>>;
  close: () => void;
}

/** Onto what an object was dropped: a host by its reference, a folder by its path (empty: none), a tag. */
export interface Drop {
  kind: "host" | "folder" | "tag";
  to: string;
}

/** Something that a person can do with objects of one class. */
export interface Action<C extends ClassName = ClassName> {
  /** `vm.start`; also its address in tests. */
  readonly id: string;
  readonly of: C;
  /** Message of the label, a verb. */
  readonly label: string;
  readonly icon?: ComponentType;
  /** Actions of one group stand together in menus. */
  readonly group: "power" | "move" | "change" | "remove";
  /** Shown as a button of its own on the object's page. */
  readonly isPrimary?: boolean;
  /** Whether several objects may be treated at once. */
  readonly isBulk?: boolean;
  /** Not shown at all for such an object (a pause button for a halted machine says nothing). */
  isHidden?(target: Item<C>, world: World): boolean;
  /** Why it is not possible now; undefined: it is. */
  blocked?(target: Item<C>, world: World): Reason | undefined;
  /** The same on the command line. */
  cli(target: Item<C>, world: World): string;
  /** Asks first. `typed`: the name has to be typed, because what is lost does not come back. */
  readonly confirm?: "simple" | "typed";
  /** Message with what will happen; gets `name` and `count`. */
  readonly confirmText?: string;
  /** Does it: answers the task, if it is one. */
  run?(target: Item<C>, world: World): Promise<Ref<"task"> | undefined>;
  /** Does it with several at once, where the pool can. */
  runAll?(targets: ReadonlyArray<Item<C>>, world: World): Promise<void>;
  /** Opens this address instead; `targets` are all that were chosen. */
  to?(target: Item<C>, targets: ReadonlyArray<Item<C>>): string;
  /** The same with what its target was dropped onto as where it leads; undefined: it leads to no such thing. */
  onto?(drop: Drop): Action<C> | undefined;
  /** Opens this dialog instead. */
  readonly dialog?: ComponentType<DialogProps<C>>;
}

/** Declares an action; keeps the class of its targets. */
export function defineAction<C extends ClassName>(action: Action<C>): Action<C> {
  return action;
}
