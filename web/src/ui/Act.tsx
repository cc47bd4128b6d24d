// A button that never is just grey: whoever uses it must say whether something stands against it,
// and what. No other part of the console disables a button (test/reasons.test.ts).
import { Button, type ButtonProps, Tooltip } from "@patternfly/react-core";
import type { MouseEvent, ReactNode } from "react";

export interface ActProps extends Omit<ButtonProps, "isDisabled" | "isAriaDisabled" | "disabled"> {
  /** Why it cannot be pressed now, a text for people; undefined: it can. */
  blocked: string | undefined;
}

export function Act({ blocked, type, onClick, children, ...rest }: ActProps): ReactNode {
  if (blocked === undefined) {
    return (
      <Button {...rest} {...(type === undefined ? {} : { type })} {...(onClick === undefined ? {} : { onClick })}>
        {children}
      </Button>
    );
  }
  const stop = (event: MouseEvent): void => event.preventDefault();
  return (
    <Tooltip content={blocked}>
      {/* It keeps the focus and can be asked why; a form is not sent by it. */}
      <Button {...rest} type="button" isAriaDisabled onClick={stop}>
        {children}
      </Button>
    </Tooltip>
  );
}
