// Asks before something is done that has consequences.
import {
  Button,
  Form,
  FormGroup,
  Modal,
  ModalBody,
  ModalFooter,
  ModalHeader,
  TextInput,
} from "@patternfly/react-core";
import { type FormEvent, type ReactNode, useState } from "react";
import type { ClassName } from "@/generated/xenapi";
import { useT } from "@/i18n";
import type { Item } from "@/store/hooks";
import { Act } from "@/ui/Act";
import { CliLines } from "@/ui/CliLines";
import type { Action } from "./action";
import { nameOf, useWorld } from "./runner";

interface Props {
  action: Action;
  targets: ReadonlyArray<Item<ClassName>>;
  onConfirm: () => void;
  onClose: () => void;
}

export function ConfirmDialog({ action, targets, onConfirm, onClose }: Props): ReactNode {
  const t = useT();
  const world = useWorld();
  const [typed, setTyped] = useState("");
  const name = targets.length === 1 && targets[0] !== undefined ? nameOf(targets[0]) : "";
  // Several objects have no one name: their number is typed.
  const expected = targets.length === 1 ? name : String(targets.length);
  const ready = action.confirm !== "typed" || typed.trim() === expected;
  const args = { name, count: targets.length };
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (ready) onConfirm();
  };
  return (
    <Modal isOpen variant="small" onClose={onClose} aria-labelledby="confirm-title">
      <ModalHeader
        title={t("confirm-title", { action: t(action.label), ...args })}
        labelId="confirm-title"
        titleIconVariant={action.group === "remove" ? "danger" : "warning"}
      />
      <ModalBody>
        <p>{t(action.confirmText ?? "confirm-body", args)}</p>
        {action.confirm === "typed" && (
          <Form id="confirm-form" onSubmit={submit} className="hv-gap-top">
            <FormGroup label={t("confirm-type", { expected })} fieldId="confirm-typed">
              <TextInput
                id="confirm-typed"
                value={typed}
                onChange={(_event, value) => setTyped(value)}
                autoComplete="off"
                autoFocus
              />
            </FormGroup>
          </Form>
        )}
        <CliLines lines={targets.map((target) => action.cli(target, world))} />
      </ModalBody>
      <ModalFooter>
        <Act
          variant={action.group === "remove" ? "danger" : "primary"}
          blocked={ready ? undefined : t("confirm-type", { expected })}
          onClick={onConfirm}
          autoFocus={action.confirm !== "typed"}
        >
          {t(action.label)}
        </Act>
        <Button variant="link" onClick={onClose}>
          {t("cancel")}
        </Button>
      </ModalFooter>
    </Modal>
  );
}
