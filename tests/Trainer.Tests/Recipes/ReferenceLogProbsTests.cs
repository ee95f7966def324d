using Rudder.Trainer.Data;
using Rudder.Trainer.Recipes;
using Rudder.Trainer.Tests.Data;

namespace Rudder.Trainer.Tests.Recipes;

public class ReferenceLogProbsTests
{
    [Fact]
    public void SequencesOf_MismatchedRowsCutElsewhere_DiffersThoughTheDataIsTheSame()
    {
        // "a": 1 + 4 tokens, "b": 3 + 2: each fits in 5, but a's completion under b's prompt takes 7
        PreferenceData data = SamplePairs.Group(
        [
            SamplePairs.Pair("a", [1], (0, [2, 3, 4, 5]), (1, [6])),
            SamplePairs.Pair("b", [1, 2, 3], (0, [4, 5]), (1, [6])),
        ]);
        string Name(int maxLength) => ReferenceLogProbs.SequencesOf(data, new MismatchedCompletions(data, maxLength));
        Assert.NotEqual(Name(5), Name(6));
        Assert.NotEqual(Name(6), Name(7));
        Assert.Equal(Name(7), Name(8)); // nothing is cut by either
        Assert.Equal(data.SequenceHash, ReferenceLogProbs.SequencesOf(data, null));
    }
}
