//! Where a VM is that two hosts may have: whom to ask what, in which order, and what follows.
//!
//! Owns: the order of the questions. The way in is closed before anybody is asked, the source is asked
//! before the destination, and a placement is closed at a survivor before it says what it has. Never
//! does: ask, wait, or write; what was found is the database's only while nobody placed the VM anew.

use haven_cluster::mutation::{Mutation, removed};

use crate::arrival::{Presence, Report, Verdict, presence, verdict};

/// Looks at both ends of a migration that broke off, until it counts as not over.
const LOOKS_MAX: u32 = 20;

/// What is asked, and whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// The source: send it no more. An answer is not waited for: without a source there is nothing to
    /// cancel.
    Cancel,
    /// The destination: let it in no more. Before anybody is asked: an order to send it may wait at the
    /// source, and would begin between the question and the end of the way in.
    CloseWay,
    /// The source: do not run it under this placement. Nor is it started there by an order from before,
    /// when it is at neither end.
    CloseSource,
    /// The source: what have you of it?
    LookSource,
    /// The destination: what have you of it? After the source: a guest leaves that for the destination,
    /// never the other way.
    LookDestination,
    /// Who alone lives: do not run it under this placement. Have you anything of it?
    CloseAlone,
    /// Who alone lives: what have you of it?
    LookAlone,
    /// Who alone lives: destroy what has arrived by halves.
    StopAlone,
}

/// What is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is done.
    Done,
    /// Whether there is anything of it, or an order that acts for it.
    Runs(bool),
    /// What there is of it.
    Sees(Report),
    /// Refused, or no answer at all.
    Failed,
}

/// Where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Where it was.
    Source,
    /// It arrived.
    Destination,
    /// Where its only holder lives.
    Alone,
    /// It runs nowhere, and will not under this placement.
    Nowhere,
}

/// What follows from an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The next question, at once.
    Ask(Question),
    /// The next question, after a pause: it may still change sides.
    Later(Question),
    /// It is found.
    Found(Found),
    /// Nobody can tell: both stay holders, and it is asked again from the beginning some time.
    Unknown,
}

/// A search that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Search {
    asks: Question,
    source: Report,
    looks: u32,
}

impl Search {
    /// Both ends of a migration live.
    #[must_use]
    pub fn of_two() -> Self {
        Self { asks: Question::Cancel, source: Report::default(), looks: 0 }
    }

    /// One of them is dead; whoever sent it, what has not arrived by now never will.
    #[must_use]
    pub fn of_survivor() -> Self {
        Self { asks: Question::CloseAlone, source: Report::default(), looks: 0 }
    }

    /// What is asked now.
    #[must_use]
    pub fn asks(&self) -> Question {
        self.asks
    }

    /// Whether one of the two ends is dead.
    #[must_use]
    pub fn is_of_survivor(&self) -> bool {
        matches!(self.asks, Question::CloseAlone | Question::LookAlone | Question::StopAlone)
    }

    /// The answer to what was asked.
    pub fn heard(&mut self, answer: Answer) -> Next {
        let next = self.follow(answer);
        if let Next::Ask(question) | Next::Later(question) = next {
            self.asks = question;
        }
        next
    }

    fn follow(&mut self, answer: Answer) -> Next {
        match (self.asks, answer) {
            (Question::Cancel, _) if removed(Mutation::WayLeftOpen) => {
                Next::Ask(Question::CloseSource)
            }
            (Question::Cancel, _) => Next::Ask(Question::CloseWay),
            (Question::CloseWay, Answer::Done) => Next::Ask(Question::CloseSource),
            (Question::CloseSource, Answer::Runs(_)) => Next::Ask(Question::LookSource),
            (Question::LookSource, Answer::Sees(report)) => {
                self.source = report;
                Next::Ask(Question::LookDestination)
            }
            (Question::LookDestination, Answer::Sees(report)) => self.both_told(report),
            (Question::CloseAlone, Answer::Runs(false)) => Next::Found(Found::Nowhere),
            (Question::CloseAlone, Answer::Runs(true)) => Next::Ask(Question::LookAlone),
            (Question::LookAlone, Answer::Sees(report)) => match presence(report) {
                Presence::Runs => Next::Found(Found::Alone),
                Presence::Gone => Next::Found(Found::Nowhere),
                Presence::Stranded => Next::Ask(Question::StopAlone),
                Presence::Undecided => Next::Unknown,
            },
            (Question::StopAlone, Answer::Done) => Next::Found(Found::Nowhere),
            _ => Next::Unknown,
        }
    }

    fn both_told(&mut self, destination: Report) -> Next {
        self.looks += 1;
        match verdict(self.source, destination) {
            Verdict::Stayed => Next::Found(Found::Source),
            Verdict::Moved => Next::Found(Found::Destination),
            Verdict::Gone => Next::Found(Found::Nowhere),
            Verdict::UnderWay if self.looks >= LOOKS_MAX => Next::Unknown,
            Verdict::UnderWay => Next::Later(Question::LookSource),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sight;

    fn sees(sight: Sight) -> Answer {
        Answer::Sees(Report { sight, ..Report::default() })
    }

    /// All questions up to the first that is not asked at once, with their answers.
    fn ask(mut search: Search, answers: &[Answer]) -> (Vec<Question>, Next) {
        let mut asked = Vec::new();
        let mut next = Next::Unknown;
        for answer in answers {
            asked.push(search.asks());
            next = search.heard(*answer);
        }
        (asked, next)
    }

    #[test]
    fn the_way_in_is_closed_and_the_source_is_asked_first() {
        let answers = [
            Answer::Failed,
            Answer::Done,
            Answer::Runs(true),
            sees(Sight::Nothing),
            sees(Sight::Here),
        ];
        let (asked, next) = ask(Search::of_two(), &answers);
        assert_eq!(
            asked,
            [
                Question::Cancel,
                Question::CloseWay,
                Question::CloseSource,
                Question::LookSource,
                Question::LookDestination,
            ]
        );
        assert_eq!(next, Next::Found(Found::Destination));
    }

    #[test]
    fn without_a_destination_that_answers_nobody_can_tell() {
        let (_, next) = ask(Search::of_two(), &[Answer::Done, Answer::Failed]);
        assert_eq!(next, Next::Unknown);
        let (_, next) = ask(Search::of_two(), &[Answer::Done, Answer::Done, Answer::Failed]);
        assert_eq!(next, Next::Unknown);
    }

    #[test]
    fn a_migration_that_goes_on_is_looked_at_again_but_not_for_ever() {
        let mut search = Search::of_two();
        for answer in [Answer::Done, Answer::Done, Answer::Runs(true)] {
            search.heard(answer);
        }
        let both = |search: &mut Search| {
            search.heard(sees(Sight::Here));
            search.heard(sees(Sight::Here))
        };
        for _ in 1..LOOKS_MAX {
            assert_eq!(both(&mut search), Next::Later(Question::LookSource));
        }
        assert_eq!(both(&mut search), Next::Unknown);
    }

    #[test]
    fn a_survivor_is_closed_asked_and_cleared_of_halves() {
        let (_, next) = ask(Search::of_survivor(), &[Answer::Runs(false)]);
        assert_eq!(next, Next::Found(Found::Nowhere));
        let here = [Answer::Runs(true), sees(Sight::Here)];
        assert_eq!(ask(Search::of_survivor(), &here).1, Next::Found(Found::Alone));
        let half = [Answer::Runs(true), sees(Sight::Incoming), Answer::Done];
        let (asked, next) = ask(Search::of_survivor(), &half);
        assert_eq!(asked.last(), Some(&Question::StopAlone));
        assert_eq!(next, Next::Found(Found::Nowhere));
        let kept = [Answer::Runs(true), sees(Sight::Incoming), Answer::Failed];
        assert_eq!(ask(Search::of_survivor(), &kept).1, Next::Unknown);
    }
}
