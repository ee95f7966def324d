// Prints what a check saw as one JSON line.
export const tell = (check, values) => console.log(JSON.stringify({ check, ...values }));

// A completion as the tests compare it.
export const completion = (seen) => ({ ids: seen.ids, text: seen.text, sum_log_prob: seen.sum_log_prob });
