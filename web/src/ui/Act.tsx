// A button that never is just grey: whoever uses it must say whether something stands against it,
// and what. No other part of the console disables a button (test/reasons.test.ts).
import { Button, type ButtonProps, Tooltip } from "@patternfly/react-core";
import type { ReactNode } from "react";

export interface ActProps extends Omit<ButtonProps, "isDisabled" | "isAriaDisabled" | "disabled"> {
  /** Why it cannot be pressed now, a text for people; undefined: it can. */
  blocked: string | undefined;
}

export function Act({ blocked, children, ...rest }: ActProps): ReactNode {
  return (
    // Always there, so that the button stays the same, with the focus on it, when it becomes possible.
    <Tooltip content={blocked ?? ""} trigger={blocked === undefined ? "manual" : "mouseenter focus"}>
      {/* It can be reached and asked why; pressing it, or Enter in its form, does nothing. */}
      <Button {...rest} isAriaDisabled={blocked !== undefined}>
        {children}
      </Button>
    </Tooltip>
  );
}
