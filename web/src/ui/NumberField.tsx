// A number with its label. What is typed stays as it is typed until the field is left.
import { FormGroup, NumberInput } from "@patternfly/react-core";
import { type ReactNode, useState } from "react";
import { useI18n } from "@/i18n";
import { Help } from "./bits";

interface Props {
  id: string;
  label: string;
  value: number;
  min: number;
  max: number;
  step?: number;
  /** The largest number that makes sense here: a slider below goes so far. The field itself takes more. */
  slideTo?: number;
  /** Why it cannot be changed; a text. */
  blocked?: string | undefined;
  onChange: (value: number) => void;
}

export function NumberField({ id, label, value, min, max, step = 1, slideTo = 0, blocked, onChange }: Props): ReactNode {
  const { t } = useI18n();
  // "5" on the way to "512" is no number to be corrected.
  const [typed, setTyped] = useState<string | null>(null);
  const set = (next: number): void => {
    setTyped(null);
    if (Number.isFinite(next)) onChange(Math.max(min, Math.min(max, next)));
  };
  const leave = (): void => {
    if (typed !== null && typed.trim() !== "") set(Number(typed));
    else setTyped(null);
  };
  return (
    <FormGroup label={label} fieldId={id}>
      <NumberInput
        inputAriaLabel={label}
        minusBtnAriaLabel={`${t("fewer")}: ${label}`}
        plusBtnAriaLabel={`${t("more")}: ${label}`}
        inputProps={{ id, step: "any" }}
        value={(typed ?? value) as number}
        min={min}
        max={max}
        isDisabled={blocked !== undefined}
        onMinus={() => set((Math.ceil(value / step) - 1) * step)}
        onPlus={() => set((Math.floor(value / step) + 1) * step)}
        onChange={(event) => {
          const text = (event.target as HTMLInputElement).value;
          setTyped(text);
          const number = Number(text);
          if (text.trim() !== "" && number >= min && number <= max) onChange(number);
        }}
        onBlur={leave}
      />
      {/* For the mouse; by keyboard the field does the same. It counts from a whole step on: 64 and steps of 256 would never give 2048. */}
      {slideTo > min && <input type="range" className="hv-range" tabIndex={-1} aria-hidden="true" min={Math.floor(min / step) * step} max={slideTo} step={step} value={Math.min(value, slideTo)} onChange={(event) => set(Number(event.target.value))} />}
      {blocked !== undefined && (
        <Help>{blocked}</Help>
      )}
    </FormGroup>
  );
}
